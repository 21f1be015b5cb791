from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabgenbench.engines.scratch import remove_folder

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder of an ordinary user; this process runs as that user, because root can remove any file."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield Path(tempfile.mkdtemp(dir="/tmp"))
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("mode", [0o500, 0o300, 0o000])
def test_what_was_made_read_only_is_removed(folder: Path, mode: int) -> None:
    kept, gone = folder / "kept", folder / "gone"
    kept.mkdir()
    (kept / "file").touch()
    kept.chmod(0o500)
    inner = gone / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch(mode=0o400)
    (gone / "outer" / "link").symlink_to(kept)
    for one in (inner, inner.parent, gone):
        one.chmod(mode)
    remove_folder(gone)
    assert not gone.exists()
    assert kept.stat().st_mode & 0o777 == 0o500, "what a link points to is left alone"
    assert (kept / "file").exists()
    remove_folder(folder)
    assert not folder.exists()


def test_a_folder_that_is_gone_or_a_link_is_no_error(folder: Path) -> None:
    remove_folder(folder / "never there")
    (folder / "link").symlink_to(folder)
    remove_folder(folder / "link")
    assert folder.exists()
    remove_folder(folder)
