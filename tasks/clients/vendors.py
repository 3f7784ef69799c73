"""Vendors that speak in protocols of their own, by the extra `vendors` (any-llm): their answers and complaints in the words of OpenAI.

What they raise becomes the error that an OpenAI-compatible endpoint would have caused, so that one set of rules holds for all.
"""

import inspect
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from tasks.clients.completions import Worst, answer_of, streamed
from tasks.clients.model import Answer
from tasks.errors import usage

if TYPE_CHECKING:
    import openai
    from any_llm.exceptions import AnyLLMError

WAITS = ("retry-after", "retry-after-ms")
"""Headers that tell how long to wait."""


class Vendor:
    """A client of one vendor; it tries nothing twice by itself, where the vendor's own library lets that be told."""

    def __init__(self, place: str, vendor: str, url: str, key: str, timeout_seconds: float) -> None:
        self._url = url
        self._more: dict[str, Any] = {"timeout": timeout_seconds}
        self._client = _client(place, vendor, url, key)

    async def answer(self, asked: Mapping[str, Any], worst: Worst) -> Answer:
        """Send a call; the errors are those of `openai`, ValueError where the answer is none."""
        from any_llm.exceptions import AnyLLMError

        try:
            said = await self._client.acompletion(**asked, **self._more)
            if asked.get("stream"):
                return await streamed(_plain(said), worst)
        except AnyLLMError as error:
            if "timeout" in self._more and _is_of(error, "timeout"):
                self._more = {}
                return await self.answer(asked, worst)
            raise in_openai_words(error, self._url) from error
        return answer_of(said.model_dump_json().encode(), worst)

    async def close(self) -> None:
        """Close the connections, where the vendor's library can."""
        own = getattr(self._client, "client", None)
        close = getattr(own, "close", None) or getattr(own, "aclose", None)
        if close is not None and inspect.isawaitable(closing := close()):
            await closing


async def _plain(chunks: Any) -> AsyncIterator[Mapping[str, Any]]:
    """Give the pieces of a stream as plain data."""
    async for chunk in chunks:
        yield chunk.model_dump()


def _client(place: str, vendor: str, url: str, key: str) -> Any:
    """Make the client of a vendor; RecipeError where there is none of that name, or what it needs is not installed."""
    try:
        from any_llm import AnyLLM
        from any_llm.exceptions import UnsupportedParameterError, UnsupportedProviderError
    except ImportError as error:
        raise usage("needs the extra `vendors`", "pip install 'dartboard[vendors]'", place=place, value=vendor) from error
    try:
        told: dict[str, Any] = {"api_key": key, "api_base": url, "unified_exceptions": True}
        try:
            return AnyLLM.create(vendor, **told, max_retries=0)
        except UnsupportedParameterError:
            return AnyLLM.create(vendor, **told)
    except UnsupportedProviderError as error:
        raise usage("is no vendor that any-llm knows", str(error), place=place, value=vendor) from error
    except ImportError as error:
        raise usage("needs its own library", f"pip install 'any-llm-sdk[{vendor}]'", place=place, value=vendor) from error


def in_openai_words(error: "AnyLLMError", url: str) -> "openai.APIError":
    """Give the error that an OpenAI-compatible endpoint would have caused."""
    import httpx2
    import openai

    request = httpx2.Request("POST", url)
    status = error.status_code or _status(error)
    if status is None:
        late = "timeout" in f"{type(error.original_exception).__name__} {error.message}".lower()
        return openai.APITimeoutError(request) if late else openai.APIConnectionError(message=error.message, request=request)
    words = " ".join(str(part) for part in (error.message, error.code, error.error_type) if part)
    blocked = "content filter: " if type(error).__name__ == "ContentFilterError" else ""
    response = httpx2.Response(status, headers=_waits(error), request=request)
    return openai.APIStatusError(f"{blocked}{words}", response=response, body=None)


def _status(error: "AnyLLMError") -> int | None:
    """Give the status that says what an error without one says; None where no answer came."""
    from any_llm import exceptions

    classes: dict[int, tuple[type[AnyLLMError], ...]] = {
        400: (
            exceptions.InvalidRequestError,
            exceptions.UnsupportedParameterError,
            exceptions.ContextLengthExceededError,
            exceptions.ContentFilterError,
        ),
        401: (exceptions.AuthenticationError, exceptions.MissingApiKeyError),
        402: (exceptions.InsufficientFundsError,),
        404: (exceptions.ModelNotFoundError,),
        429: (exceptions.RateLimitError,),
        502: (exceptions.UpstreamProviderError,),
        504: (exceptions.GatewayTimeoutError,),
    }
    return next((status for status, types in classes.items() if isinstance(error, types)), None)


def _waits(error: "AnyLLMError") -> dict[str, str]:
    """Give how long to wait, as far as the vendor told it."""
    headers = getattr(getattr(error.original_exception, "response", None), "headers", None) or {}
    told = {name: str(headers[name]) for name in WAITS if name in headers}
    after = getattr(error, "retry_after", None)
    return told or ({"retry-after": str(after)} if after else {})


def _is_of(error: "AnyLLMError", parameter: str) -> bool:
    """Tell whether the library refuses a parameter; nothing was sent then."""
    return type(error).__name__ == "UnsupportedParameterError" and f"'{parameter}'" in error.message
