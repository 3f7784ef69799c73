"""A text with its sections, put together paragraph by paragraph."""

from collections.abc import Iterable
from typing import Any, Self


class Outline:
    """Gathers paragraphs under headings; headings are sections, not text."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._heads: list[tuple[str, int, int]] = []

    @classmethod
    def whole(cls, text: bytes, heads: Iterable[tuple[str, int, int]]) -> Self:
        """Take a text that is put together already, with {title, level, start in bytes} of its headings in order."""
        outline = cls()
        outline._heads = list(heads)
        if text:
            outline._pieces, outline._size = [text.decode()], len(text) + 2
        return outline

    def heading(self, title: str, level: int) -> None:
        """Begin a section."""
        self._heads.append((title, level, self._size))

    def add(self, paragraph: str) -> None:
        """Append a paragraph; empty ones are left out."""
        if paragraph:
            self._pieces.append(paragraph)
            self._size += len(paragraph.encode()) + 2

    def text(self) -> str:
        """Give the paragraphs, parted by empty lines."""
        return "\n\n".join(self._pieces)

    def sections(self) -> list[dict[str, Any]]:
        """Give {title, level, start, end} in bytes of the text; an empty section has start = end."""
        end = max(self._size - 2, 0)
        after = [self._size] * len(self._heads)
        """Where the next heading of its level or above stands."""
        open_heads: list[int] = []
        for place, (_, level, start) in enumerate(self._heads):
            while open_heads and self._heads[open_heads[-1]][1] >= level:
                after[open_heads.pop()] = start
            open_heads.append(place)
        return [
            {"title": title, "level": level, "start": min(start, end), "end": max(min(following - 2, end), min(start, end))}
            for (title, level, start), following in zip(self._heads, after, strict=True)
        ]
