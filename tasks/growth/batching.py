"""Asking beforehand: what a step lacks goes to its endpoint as a batch, and the answers into the ledger. Then the step goes on live."""

from collections.abc import Sequence

from tasks.clients.batches import Batch, Batches, BatchRefused, files_of, request_line
from tasks.clients.llm import Endpoint
from tasks.growth.budget import Leave, Purse
from tasks.growth.engine import complete
from tasks.growth.ledger import Ledger, request_key
from tasks.growth.rehearsal import Rehearsal
from tasks.growth.strategy import CompletingStep, Row
from tasks.step import Context


async def ask_beforehand(
    step: CompletingStep, rows: Sequence[Row], endpoint: Endpoint, ledger: Ledger, purse: Purse, context: Context
) -> None:
    """Have the calls of a step's own model answered by batches, as long as each brings something; what fails is left to be asked live.

    A batch that an earlier build sent and did not live to see is waited for, not sent again.
    """
    prefetch = _Prefetch(endpoint, ledger, purse)
    for batch in await prefetch.batches.ours(purse.name, ledger.batches()):
        await prefetch.take(batch)
    purse.scatter()
    tried: set[str] = set()
    while True:
        rehearsal = Rehearsal(dict.fromkeys(step.models(), endpoint.model), step.model, ledger)
        await complete(step, rows, rehearsal, context)
        if not await prefetch.send(rehearsal, step.model, tried):
            return


class _Prefetch:
    """The batches of one endpoint, with the ledger and the purse of one step."""

    def __init__(self, endpoint: Endpoint, ledger: Ledger, purse: Purse) -> None:
        self._endpoint, self._ledger, self._purse = endpoint, ledger, purse
        self.batches = Batches(endpoint)

    async def send(self, rehearsal: Rehearsal, name: str, tried: set[str]) -> bool:
        """Send what a rehearsal lacks and no batch had yet, as far as the budget goes; tell whether anything was sent."""
        model = self._endpoint.model
        lines = {}
        for asked, request in rehearsal.missing:
            key = request_key(name, model, request)
            if asked != name or key in tried or key in lines:
                continue
            tried.add(key)
            if self._purse.gather(key, self._purse.budget.cost(model, *self._endpoint.worst(request))) is Leave.GO:
                lines[key] = request_line(key, request, model)
        for data in files_of(line for _, line in sorted(lines.items())):
            batch = await self._sent(data)
            self._purse.sent(batch.requests)
            await self.take(batch)
        return bool(lines)

    async def _sent(self, data: bytes) -> Batch:
        """Send a batch; where the endpoint refuses it, nothing was sent, and what was set aside is given back.

        Where nobody knows whether it came to be, the next build finds out.
        """
        try:
            return await self.batches.send(self._purse.name, data)
        except BatchRefused:
            self._purse.scatter()
            raise

    async def take(self, batch: Batch) -> None:
        """Keep the answers of a batch, and give back what was set aside for requests that have none."""
        for key, answer in (await self.batches.results(batch)).items():
            if answer is None:
                self._purse.release(key)
            elif self._ledger.get(key) is None:
                self._purse.settle(key, self._endpoint.model, answer)
                self._endpoint.learn(batch.requests.get(key, {}).get("body", {}).get("messages", ()), answer)
        self._ledger.note_batch(batch.name)
        self._ledger.share(last=True)
