from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgenbench.errors import DataError
from tabgenbench.interfaces.dataset import FetchProgress
from tabgenbench_datasets.fetching import Downloader, PinnedFile, blob_sha1, data_root, file_status

Serve = Callable[[dict[str, bytes]], Any]
CONTENT = bytes(range(256)) * 4000  # about 1 MB, so that it is sent in several pieces
FAST = Downloader(backoff=0.001, attempts=4)


def pin(server: Any, name: str = "a.bin", content: bytes = CONTENT) -> PinnedFile:
    return PinnedFile(f"folder/{name}", blob_sha1(content), f"{server.url}/{name}")


def ignore(progress: FetchProgress) -> None:
    pass


@given(st.binary(max_size=300))
def test_blob_hash_is_the_one_git_defines(content: bytes) -> None:
    assert blob_sha1(content) == hashlib.sha1(b"blob " + str(len(content)).encode() + b"\0" + content).hexdigest()


def test_blob_hash_of_a_known_file() -> None:
    assert blob_sha1(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object


def test_data_root_prefers_the_argument_then_the_variable_then_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TABGENBENCH_DATA", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_root(tmp_path) == tmp_path
    assert data_root(None) == tmp_path / "named"
    monkeypatch.delenv("TABGENBENCH_DATA")
    assert data_root(None) == tmp_path / "cache" / "tabgenbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root(None) == tmp_path / ".cache" / "tabgenbench"


def test_files_are_downloaded_and_progress_ends_at_their_size(serve: Serve, tmp_path: Path) -> None:
    server = serve({f"{i}.bin": CONTENT + bytes([i]) for i in range(6)})
    files = [pin(server, name, content) for name, content in server.files.items()]
    seen: dict[str, FetchProgress] = {}
    statuses = FAST.fetch(files, tmp_path, lambda progress: seen.update({progress.file: progress}))
    assert [status.status for status in statuses] == ["ok"] * 6
    assert {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()} == server.files
    assert all(seen[name].done == seen[name].total == len(content) for name, content in server.files.items())


def test_a_file_that_is_there_is_not_asked_for(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": CONTENT})
    FAST.fetch([pin(server)], tmp_path, ignore)
    FAST.fetch([pin(server)], tmp_path, ignore)
    assert len(server.requests) == 1


def test_a_piece_is_gone_on_with(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": CONTENT})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.bin.part").write_bytes(CONTENT[:1000])
    assert FAST.fetch([pin(server)], tmp_path, ignore)[0].status == "ok"
    assert server.requests == [("a.bin", "bytes=1000-")]
    assert (tmp_path / "folder" / "a.bin").read_bytes() == CONTENT
    assert not (tmp_path / "folder" / "a.bin.part").exists()


def test_a_server_without_ranges_starts_again(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": CONTENT})
    server.ranges = False
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.bin.part").write_bytes(b"x" * 1000)
    assert FAST.fetch([pin(server)], tmp_path, ignore)[0].status == "ok"
    assert (tmp_path / "folder" / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("piece", [b"x" * 1000, CONTENT, CONTENT + b"more"], ids=["other", "whole", "too long"])
def test_a_piece_of_any_kind_ends_in_the_right_file(serve: Serve, tmp_path: Path, piece: bytes) -> None:
    server = serve({"a.bin": CONTENT})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.bin.part").write_bytes(piece)
    assert FAST.fetch([pin(server)], tmp_path, ignore)[0].status == "ok"
    assert (tmp_path / "folder" / "a.bin").read_bytes() == CONTENT


def test_a_broken_connection_is_resumed_where_it_broke(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": CONTENT})
    server.cut = 1
    assert FAST.fetch([pin(server)], tmp_path, ignore)[0].status == "ok"
    assert [span is None for _, span in server.requests] == [True, False]
    assert (tmp_path / "folder" / "a.bin").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": CONTENT})
    server.failures = 2
    assert FAST.fetch([pin(server)], tmp_path, ignore)[0].status == "ok"
    assert len(server.requests) == 3


def test_a_server_that_stays_down_leaves_the_file_missing(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": CONTENT})
    server.failures = 99
    status = FAST.fetch([pin(server)], tmp_path, ignore)[0]
    assert status.status == "missing"
    assert "HTTP 503" in status.detail
    assert len(server.requests) == FAST.attempts


def test_a_file_the_server_has_not_is_asked_for_once(serve: Serve, tmp_path: Path) -> None:
    server = serve({})
    status = FAST.fetch([pin(server)], tmp_path, ignore)[0]
    assert status.status == "missing"
    assert "HTTP 404" in status.detail
    assert len(server.requests) == 1


def test_nobody_listening_is_said_of_every_file(tmp_path: Path) -> None:
    files = [PinnedFile(f"{i}.bin", blob_sha1(b""), f"http://127.0.0.1:1/{i}.bin") for i in range(20)]
    statuses = FAST.fetch(files, tmp_path, ignore)
    assert {status.status for status in statuses} == {"missing"}
    assert all("ConnectError" in status.detail for status in statuses)


def test_a_folder_that_has_everything_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    file = PinnedFile("a.bin", blob_sha1(CONTENT), "http://127.0.0.1:1/a.bin")
    assert FAST.fetch([file], tmp_path, ignore)[0].status == "ok"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_wrong_content_never_gets_the_name(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": b"an error page", "b.bin": CONTENT})
    files = [pin(server), pin(server, "b.bin")]
    wrong, good = FAST.fetch(files, tmp_path, ignore)
    assert wrong.status == "missing"
    assert files[0].blob in wrong.detail
    assert blob_sha1(b"an error page") in wrong.detail
    assert good.status == "ok"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["b.bin"]


def test_a_wrong_file_is_replaced_only_by_a_good_one(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": b"an error page"})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.bin").write_bytes(b"old")
    assert FAST.fetch([pin(server)], tmp_path, ignore)[0].status == "wrong"
    assert (tmp_path / "folder" / "a.bin").read_bytes() == b"old"
    server.files["a.bin"] = CONTENT
    assert FAST.fetch([pin(server)], tmp_path, ignore)[0].status == "ok"
    assert (tmp_path / "folder" / "a.bin").read_bytes() == CONTENT


def test_an_interrupt_leaves_a_piece_and_no_file(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": CONTENT})

    def interrupt(progress: FetchProgress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FAST.fetch([pin(server)], tmp_path, interrupt)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a.bin.part"]
    assert FAST.fetch([pin(server)], tmp_path, ignore)[0].status == "ok"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"file/data: cannot be written .*--data-dir"):
        FAST.fetch([PinnedFile("a.bin", "0" * 40)], tmp_path / "file" / "data", ignore)


def test_two_downloads_into_one_folder_are_refused(serve: Serve, tmp_path: Path) -> None:
    server = serve({"a.bin": CONTENT})
    refused: list[str] = []

    def again(progress: FetchProgress) -> None:
        if not refused:
            with pytest.raises(DataError, match="another download") as caught:
                FAST.fetch([pin(server)], tmp_path, ignore)
            refused.append(str(caught.value))

    assert FAST.fetch([pin(server)], tmp_path, again)[0].status == "ok"
    assert refused


@pytest.mark.parametrize(("content", "expected"), [(CONTENT, "ok"), (CONTENT[:-1], "wrong"), (None, "missing")])
def test_status_of_a_file(tmp_path: Path, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "a.bin").write_bytes(content)
    assert file_status(PinnedFile("a.bin", blob_sha1(CONTENT)), tmp_path).status == expected
