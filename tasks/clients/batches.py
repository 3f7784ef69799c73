"""Request files of the OpenAI batch form, as `vllm run-batch` reads them too, and endpoints that take them."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from tasks.clients.completions import Worst, answer_of
from tasks.clients.dialect import Dialect
from tasks.clients.llm import Endpoint
from tasks.clients.model import Answer, Model, Request, bulk
from tasks.errors import ModelError
from tasks.store.keys import digest

if TYPE_CHECKING:
    import openai

MARK = "dartboard"
"""Key of a batch's metadata that holds the recipe and the step."""
MOST_REQUESTS, MOST_BYTES = 50_000, 100_000_000
"""Requests, and bytes, of one file."""
FIRST_POLL, LAST_POLL = 0.5, 60.0
"""Seconds between two looks at a batch, from the first to the later ones."""
ENDED = ("completed", "failed", "expired", "cancelled")
RETRIES = 6


def request_line(key: str, request: Request, model: Model) -> bytes:
    """Write a request as a line of a file; its id is the ledger's key."""
    whole = model.model_copy(update={"stream": False})
    body = {"model": model.model, "messages": list(request.messages), **Dialect().parameters(request, whole)}
    return orjson.dumps({"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body})


def _is_refusal(error: Exception) -> bool:
    """Tell whether an endpoint said no; whoever did not answer, or failed, may have taken the batch."""
    import openai

    return isinstance(error, openai.APIStatusError) and error.status_code < 500


def files_of(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Gather lines into files that an endpoint takes."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        if held and (len(held) >= MOST_REQUESTS or size + len(line) > MOST_BYTES):
            yield b"".join(held)
            held, size = [], 0
        held.append(line + b"\n")
        size += len(line) + 1
    if held:
        yield b"".join(held)


def parsed(data: bytes) -> dict[str, dict[str, Any]]:
    """Give the lines of a file of requests or of results by their ids; what is no such line is left out."""
    found: dict[str, dict[str, Any]] = {}
    for line in data.splitlines():
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict) and isinstance(value.get("custom_id"), str):
            found[value["custom_id"]] = value
    return found


def result_of(line: Mapping[str, Any], asked: Mapping[str, Any] | None) -> Answer | None:
    """Read a line of results; None where it holds no answer. `asked` is the line of its request, where that is at hand."""
    response = line.get("response")
    if line.get("error") or not isinstance(response, dict) or response.get("status_code") != 200:
        return None
    try:
        return answer_of(orjson.dumps(response.get("body")), _worst((asked or {}).get("body", {})))
    except (ValueError, AttributeError, TypeError):
        return None


def _worst(body: Mapping[str, Any]) -> Worst:
    """Give the most tokens that a request of a file and its answer can have; none where the request is not at hand."""
    form = ({"content": orjson.dumps(body["response_format"]).decode()},) if "response_format" in body else ()
    return bulk((*body.get("messages", ()), *form)).most, int(body.get("max_tokens", 0))


class BatchRefused(ModelError):
    """A batch that the endpoint does not take: nothing of it was sent on."""


def complaint_of(line: Mapping[str, Any]) -> str:
    """Say why a line of results holds no answer."""
    response = line.get("response")
    response = response if isinstance(response, dict) else {}
    body = response.get("body")
    error = line.get("error") or (body.get("error") if isinstance(body, dict) else None)
    told = error.get("message") or error.get("code") if isinstance(error, dict) else error
    status = response.get("status_code")
    return " ".join(str(told or (f"status {status}" if status not in (None, 200) else "no answer in it")).split())[:200]


@dataclass(frozen=True)
class Batch:
    """A batch at an endpoint: its id, and the requests that it holds by theirs."""

    name: str
    requests: Mapping[str, Mapping[str, Any]]


class Batches:
    """The batches of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._model = f"models.{endpoint.name}"
        self._client = endpoint.connected().with_options(max_retries=RETRIES)

    async def ours(self, step: str, but: Sequence[str]) -> list[Batch]:
        """Give the batches here that were sent for a step, other than those named; that of a build that was killed is among them."""
        try:
            listed = [
                batch
                async for batch in self._client.batches.list(limit=100)
                if (batch.metadata or {}).get(MARK) == step and batch.id not in but
            ]
            return [Batch(batch.id, parsed(await self._content(batch.input_file_id))) for batch in listed]
        except self._errors() as error:
            raise self._failed("cannot list its batches", error) from error

    async def send(self, step: str, data: bytes) -> Batch:
        """Send a file of requests as a batch of a step."""
        try:
            file = await self._client.files.create(file=(f"{digest(data.decode())[:32]}.jsonl", data), purpose="batch")
            made = await self._client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={MARK: step}
            )
        except self._errors() as error:
            failed = self._failed("does not take a batch", error)
            raise BatchRefused(str(failed)) if _is_refusal(error) else failed from error
        return Batch(made.id, parsed(data))

    async def results(self, batch: Batch) -> dict[str, Answer | None]:
        """Wait until a batch has ended, and give its answers by id; None for each request that has none."""
        try:
            ended = await self._ended(batch.name)
            names = [name for name in (ended.output_file_id, ended.error_file_id) if name]
            lines = [parsed(await self._content(name)) for name in names]
        except self._errors() as error:
            raise self._failed("cannot give the results of a batch", error) from error
        answers = {key: result_of(line, batch.requests.get(key)) for held in reversed(lines) for key, line in held.items()}
        return dict.fromkeys(batch.requests) | answers

    async def _ended(self, name: str) -> Any:
        wait = FIRST_POLL
        while True:
            batch = await self._client.batches.retrieve(name)
            if batch.status in ENDED:
                return batch
            await asyncio.sleep(wait)
            wait = min(1.5 * wait, LAST_POLL)

    async def _content(self, name: str) -> bytes:
        return (await self._client.files.content(name)).content

    def _failed(self, what: str, error: Exception) -> ModelError:
        return ModelError(f"{self._model}: the endpoint {what}: {str(error)[:300]}. Take `batch` out to ask it call by call.")

    @staticmethod
    def _errors() -> "tuple[type[openai.OpenAIError], ...]":
        import openai

        return (openai.OpenAIError,)
