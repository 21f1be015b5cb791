"""Prose check: list words and phrases that make a sentence hard to read, with a better one.

Reads every tracked Python file (docstrings, comments, messages, --help texts) and every page. Published boards are
skipped: they keep the text recorded in their ``board.json``. A comment ``prose: <reason>`` on a line excuses that line.
Exit status 1 when anything is listed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ADVICE", "faults"]

# A pattern of words with single spaces, and what to write in its place; [] keeps a pattern from matching itself.
ADVICE = {
    "an[e]w": "again, or retrain, recompute",
    "as good a[s]": "equal to, at least as high as",
    "(?:is|are|was|were|be) told": "state who knows what",
    "tol[d] from": "computed from",
    "men[d](?:s|ed|ing)?": "correct, fix",
    "nobod[y]'s": "without an owner",
    "whoeve[r]": "name the actor",
    "whatsoeve[r]": "any",
    "for want o[f]": "because ... is missing",
    "is spare[d]": "is skipped, is not needed",
    "(?:is|are) served": "name the actor and the verb",
    "(?:set|sets|setting|put|puts) aside": "disabled (plugins), quarantined (files)",
    "what come[s]": "name the thing",
    "(?:is|are|be) had": "is available, can be read",
    "costs yo[u]": "overhead of",
    "under wa[y]": "running, interrupted",
    "in no cos[t]": "excluded from reported times",
    "to choose b[y]": "for early stopping and model selection",
}
SUFFIXES = {".py", ".md"}
PUBLISHED = ("leaderboard", "boards")
GAP = r"(?:\s+#:?\s+|\s*\"\s+f?\"|\s+)"  # a phrase may continue on the next line of a comment or of a message
PATTERNS = [(re.compile(rf"\b{words.replace(' ', GAP)}\b", re.IGNORECASE), better) for words, better in ADVICE.items()]
EXCUSE = "prose: "


def faults(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, found words and advice for every fault of a text that its line does not excuse.

    >>> [better for _, _, better in faults("Imports are in no cost.")]  # prose: an example
    ['excluded from reported times']
    """
    lines = text.splitlines()
    found = [(match, better) for pattern, better in PATTERNS for match in pattern.finditer(text)]
    for match, better in sorted(found, key=lambda one: one[0].start()):
        number = text.count("\n", 0, match.start()) + 1
        if EXCUSE not in lines[number - 1]:
            yield number, " ".join(match.group(0).split()), better


def tracked() -> list[Path]:
    """Return the files that git knows, relative to the working folder."""
    names = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [Path(name) for name in names if name]
    return [path for path in paths if path.suffix in SUFFIXES and path.parts[:2] != PUBLISHED and path.is_file()]


def main() -> int:
    """Print the faults of every tracked file; return the exit status."""
    status = 0
    for path in tracked():
        for number, words, better in faults(path.read_text(encoding="utf-8")):
            print(f"{path}:{number}: {words!r}: write plain English: {better}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
