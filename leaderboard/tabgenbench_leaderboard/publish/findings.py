"""Findings of a check: descriptions of errors in the files of a published board or a store."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Finding"]


@dataclass(frozen=True, order=True)
class Finding:
    """An error in a file of a published board or a store.

    Attributes:
        where: path of the file, relative to the checked folder.
        what: description of the error or of the wrong value.
        expected: the expected value or state.
    """

    where: str
    what: str
    expected: str

    def below(self, folder: str) -> Finding:
        """Return a copy of the finding, with ``folder`` put before its path."""
        return replace(self, where=f"{folder}/{self.where}")

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; expected {self.expected}"
