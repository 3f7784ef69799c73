"""Sources that ask a site: first for what there is, then for each unit."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from tasks.clients.web import Web
from tasks.errors import Fault
from tasks.step import NO_IDENTITY, Paths, SourceStep, Unit


class RemoteStep(SourceStep):
    """A source with ways in besides `path`; exactly one of them is given."""

    ways: ClassVar[tuple[str, ...]] = ("path",)
    """The fields of which exactly one must be given."""

    path: Paths | None = Field(default=None, json_schema_extra=NO_IDENTITY)  # type: ignore[assignment]  # files are one way of several
    """URL, glob or list of them, on any store, of files in the site's own formats; relative to the recipe."""

    @property
    def remote(self) -> bool:
        """Whether the site is asked, rather than files."""
        return self.path is None

    def faults(self) -> Sequence[Fault]:
        """One way in is needed, and only one."""
        given = [way for way in self.ways if self._given(way) is not None]
        if len(given) == 1:
            return ()
        told = " and ".join(given) or "none"
        return [Fault("", f"needs exactly one of {', '.join(self.ways)}", told, "Give one of them.")]

    def _given(self, way: str) -> object:
        return next(getattr(self, name) for name, info in type(self).model_fields.items() if way in (name, info.alias))

    @abstractmethod
    async def discover(self, web: Web, folder: Path) -> list[Unit]:
        """Ask the site what there is: units with the addresses to fetch them from. `folder` is for files on the way.

        A unit without an address is one that is not taken; its `note` says why. The address `note:`
        stands for the note itself.
        """

    def listing(self) -> dict[str, object]:
        """Give the settings that decide what `discover` finds."""
        plain = self.model_dump(mode="json", by_alias=True)
        return {way: plain.get(way) for way in self.ways}

    def dated(self) -> bool:
        """Tell whether what there is changes from day to day, so that it is asked again each day."""
        return False

    def kinds(self) -> tuple[str, ...]:
        """Name the kinds of files that a unit may be, as `sniff` names them; none: any."""
        return ()
