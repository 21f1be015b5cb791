"""Writing of a GitHub workflow that publishes the boards of a repository on GitHub Pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tabgenbench.errors import ConfigError

__all__ = ["PLACE", "write_workflow"]

PLACE = Path(".github/workflows/pages.yml")
TEXT = """\
name: boards
on:
  push:
    branches: [main]
    paths: ["{boards}/**"]
  workflow_dispatch:
permissions:
  contents: read
  pages: write
  id-token: write
concurrency:
  group: pages
  cancel-in-progress: true
jobs:
  publish:
    runs-on: ubuntu-latest
    environment:
      name: github-pages
      url: ${{{{ steps.deployment.outputs.page_url }}}}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/configure-pages@v5
      - uses: actions/upload-pages-artifact@v3
        with:
          path: {boards}
      - id: deployment
        uses: actions/deploy-pages@v4
"""


def write_workflow(root: Path, boards: Path, *, force: bool) -> Iterator[Path]:
    """Write the workflow file into a repository, and yield its path; yield nothing if the file is up to date.

    Args:
        root: the top folder of the repository.
        boards: folder of the boards, inside the repository.
        force: whether to replace an existing file of the same path with different content.

    Raises:
        ConfigError: a different file exists and ``force`` is false, or the boards are outside the repository.
    """
    if boards.is_absolute() or ".." in boards.parts:
        raise ConfigError(f"--workflow: {boards} is not below this folder; run in the repository that has the boards")
    path, text = root / PLACE, TEXT.format(boards=boards.as_posix())
    if path.is_file():
        if path.read_text(encoding="utf-8") == text:
            return
        if not force:
            raise ConfigError(f"--workflow: {PLACE} exists and differs; replace it with --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    yield PLACE
