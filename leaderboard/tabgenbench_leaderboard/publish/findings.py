"""Findings of a check: what is wrong with a published board or a store, and where."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Finding"]


@dataclass(frozen=True, order=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        where: the file, relative to the checked folder.
        what: what it is.
        expected: what it should be.
    """

    where: str
    what: str
    expected: str

    def below(self, folder: str) -> Finding:
        """Return the finding with its file in a folder."""
        return replace(self, where=f"{folder}/{self.where}")

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; expected {self.expected}"
