"""In which words an endpoint is asked: in full until it complains, and without what it does not know from then on."""

import re
from collections.abc import Mapping
from typing import Any

from tasks.clients.complaints import UNKNOWN, Complaint
from tasks.clients.model import Model, Request

OPTIONAL = ("response_format", "temperature", "top_p", "presence_penalty", "frequency_penalty", "stream_options")
"""Parameters without which a call still makes sense."""
FORM = "response_format"
OF_A_SCHEMA = re.compile(r"json_schema|response_format|schema|structured|grammar|guided", re.IGNORECASE)
OTHERWISE = (401, 402, 403, 408, 409, 425, 429)
"""Statuses that are never of a parameter."""
PERHAPS = (400, 404, 415, 422, 501)
"""Statuses by which servers answer a form of answers that they do not know, whatever else they say."""
FAILURES = 2
"""Failures (500) at calls with a form of answer, none of which was ever taken, after which it is tried without."""


class Reworded(Exception):
    """A call that the endpoint complained of, and that is to be sent again in other words."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Dialect:
    """Which parameters an endpoint takes: it is spoken to in full until it complains.

    What is left out or renamed is a guess until a call comes through: it is taken back where the call fails all the same,
    or another one has come through with it.
    """

    def __init__(self) -> None:
        self._names: dict[str, str | None] = {}
        self._guesses: set[str] = set()
        self._taken = False
        """Whether a form of answer was ever taken."""
        self._failures = 0

    def parameters(self, request: Request, model: Model) -> dict[str, Any]:
        """Give the parameters of a call as this endpoint wants them."""
        told: dict[str, Any] = dict(request.parameters) | (
            {"stream": True, "stream_options": {"include_usage": True}} if model.stream else {}
        )
        if "max_tokens" in told:
            told["max_tokens"] += model.thinking
        if request.schema is not None:
            told[FORM] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": request.schema}}
        named = {self._names.get(name, name): value for name, value in told.items()}
        return {name: value for name, value in named.items() if name is not None}

    def understood(self, sent: Mapping[str, Any]) -> None:
        """Note what an endpoint took without complaint."""
        self._taken = self._taken or FORM in sent
        self._take_back(self._guesses & sent.keys())
        self._guesses = set()

    def learnt(self, complaint: Complaint, sent: Mapping[str, Any]) -> bool:
        """Learn from a complaint; tell whether the call is worth sending again, in other words."""
        if complaint.filtered or complaint.status in OTHERWISE:
            return False
        new = self._renamed(complaint, sent) or self._left_out(complaint, sent)
        if not new and complaint.status < 500:
            self._take_back(self._guesses - sent.keys())
        self._names |= new
        self._guesses |= new.keys()
        return bool(new)

    def _renamed(self, complaint: Complaint, sent: Mapping[str, Any]) -> dict[str, str | None]:
        """Give the other name of the limit of an answer, where it is the name that is wrong."""
        hinted = complaint.names("max_completion_tokens") or (complaint.names("max_tokens") and UNKNOWN.search(complaint.words))
        return {"max_tokens": "max_completion_tokens"} if "max_tokens" in sent and complaint.status < 500 and hinted else {}

    def _left_out(self, complaint: Complaint, sent: Mapping[str, Any]) -> dict[str, str | None]:
        """Give the parameters that are to be left out."""
        named = [name for name in OPTIONAL if name in sent and complaint.names(name)] if complaint.status < 500 else []
        return dict.fromkeys(named or ([FORM] if FORM in sent and self._is_of_the_form(complaint) else []))

    def _is_of_the_form(self, complaint: Complaint) -> bool:
        """Tell whether a complaint is of the form of the answer; where none was ever taken, it may be, whatever it says."""
        if OF_A_SCHEMA.search(complaint.words):
            return True
        self._failures += complaint.status == 500
        return not self._taken and (complaint.status in PERHAPS or (complaint.status == 500 and self._failures >= FAILURES))

    def _take_back(self, names: set[str]) -> None:
        """Take guesses back: it was something else."""
        self._guesses -= names
        for name in names:
            self._names.pop(name, None)
