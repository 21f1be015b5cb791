from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tabgenbench_datasets.fetching import PinnedFile, blob_sha1
from tabgenbench_datasets.rnaseqdb_files import Manifest


@dataclass
class FileServer:
    """A local server of files by name, with simulated network faults.

    Attributes:
        files: content by name.
        ranges: whether a Range header is supported.
        failures: number of next requests that are answered with `failure_code`.
        cut: number of next answers that end in the middle.
        requests: name and Range header of every request.
    """

    files: dict[str, bytes]
    url: str = ""
    ranges: bool = True
    failures: int = 0
    failure_code: int = 503
    cut: int = 0
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, what: str) -> bool:
        with self.lock:
            left: int = getattr(self, what)
            setattr(self, what, max(0, left - 1))
            return left > 0


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, span = self.path.rpartition("/")[2], self.headers.get("Range")
            with server.lock:
                server.requests.append((name, span))
            if server.take("failures"):
                self.answer(server.failure_code, b"")
            elif name not in server.files:
                self.answer(404, b"")
            else:
                self.send_file(server.files[name], span if server.ranges else None)

        def send_file(self, content: bytes, span: str | None) -> None:
            start = int(span.removeprefix("bytes=").partition("-")[0]) if span else 0
            if span and start >= len(content):
                self.answer(416, b"")
                return
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if span else {}
            rest = content[start:]
            self.answer(206 if span else 200, rest, cut=len(rest) // 2 if server.take("cut") else None, **headers)

        def answer(self, code: int, body: bytes, *, cut: int | None = None, **headers: str) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[:cut])

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, bytes]], FileServer]]:
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(files: dict[str, bytes]) -> FileServer:
        server = FileServer(files)
        http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((http, thread))
        return server

    yield start
    for http, thread in running:
        http.shutdown()
        http.server_close()
        thread.join()


def expression_text(samples: list[str], rows: dict[str, list[object]]) -> str:
    lines = ["\t".join(["Hugo_Symbol", "Entrez_Gene_Id", *samples])]
    lines += ["\t".join([gene, "0", *map(str, values)]) for gene, values in rows.items()]
    return "\n".join(lines) + "\n"


GCT = """#1.3
4	1	2	0
id	pr_gene_symbol	pr_is_lmark	s1
1	TP53	1	0.1
2	MYC	1	0.2
3	NOLM	0	0.3
4	GONE	1	0
"""


@pytest.fixture
def small_files() -> dict[str, bytes]:
    """Three small expression files and a landmark table, by path below the data root."""
    gtex = expression_text(
        ["GTEX-A1-01-SM-1", "GTEX-B2-01-SM-1"], {"MYC": [1, 2.5], "ONLY": [0, 0], "TP53": [3, 4], "NOLM": [9, 8]}
    )
    normal = expression_text(["TCGA-KN-0001-11A-01R"], {"TP53": [30], "NOLM": [7], "MYC": [10]})
    tumour = expression_text(["TCGA-KN-0001-01A-01R"], {"NOLM": [6], "MYC": [20], "TP53": [40], "OTHER": [1]})
    esca = expression_text(["TCGA-E0-0002-11A-01R"], {"NOLM": [5], "MYC": [21], "TP53": [41]})
    texts = {
        "kidney-rsem-fpkm-gtex": gtex,
        "kich-rsem-fpkm-tcga": normal,
        "kich-rsem-fpkm-tcga-t": tumour,
        "esca-rsem-fpkm-tcga": esca,
    }
    files = {f"rnaseqdb/{name}.txt.gz": gzip.compress(text.encode(), mtime=0) for name, text in texts.items()}
    return files | {"l1000/test_l1000.gct": GCT.encode()}


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    """Pin files by path; ``url`` is the address of their server."""

    def make(files: dict[str, bytes], *, url: str = "") -> Manifest:
        pinned = {path: PinnedFile(path, blob_sha1(content), f"{url}/{path}") for path, content in files.items()}
        return Manifest(
            tuple(pinned[path] for path in sorted(pinned) if path.startswith("rnaseqdb/")),
            pinned["l1000/test_l1000.gct"],
        )

    return make


@pytest.fixture
def lay() -> Callable[[dict[str, bytes], Path], Path]:
    """Write files below a root and return the root."""

    def write(files: dict[str, bytes], root: Path) -> Path:
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        return root

    return write
