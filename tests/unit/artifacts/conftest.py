"""A web server on loopback that can misbehave, and tiny real models, wheels and catalogues."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assistant.artifacts.catalogue import Catalogue, load_catalogue
from assistant.artifacts.progress import Report

REPOSITORY = Path(__file__).parents[3]


@dataclass
class Asked:
    """One request that the server answered."""

    path: str
    range: str | None
    status: int
    sent: int = 0
    """Bytes of the body that went out."""


@dataclass
class Resource:
    """What the server does with one path."""

    data: bytes
    etag: str | None = '"one"'
    takes_ranges: bool = True
    says_length: bool = True
    claims_bytes: int | None = None
    """A length to claim instead of the true one."""
    cut_at: list[int] = field(default_factory=list)
    """The next answers end after so many bytes, in order."""
    stall_at: int | None = None
    """Send nothing more after so many bytes of an answer until `go_on` is set."""
    go_on: threading.Event = field(default_factory=threading.Event)
    statuses: list[int] = field(default_factory=list)
    """Statuses to answer with first."""


class Server:
    """Serves resources and remembers what was asked for."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.log: list[Asked] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def put(self, path: str, data: bytes) -> Resource:
        self.resources[path] = Resource(data)
        return self.resources[path]

    def asked(self, path: str) -> list[Asked]:
        return [asked for asked in self.log if asked.path == path]

    def close(self) -> None:
        for resource in self.resources.values():
            resource.go_on.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(server: Server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                with suppress(BrokenPipeError, ConnectionResetError):
                    answer(self, server)

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def answer(request: BaseHTTPRequestHandler, server: Server) -> None:
    path = request.path.split("?")[0]
    asked = Asked(path, request.headers.get("Range"), 200)
    server.log.append(asked)
    resource = server.resources.get(path)
    if resource is None or resource.statuses:
        asked.status = resource.statuses.pop(0) if resource is not None else 404
        request.send_response(asked.status)
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    data, start = resource.data, 0
    found = re.fullmatch(r"bytes=(\d+)-", asked.range or "")
    unchanged = request.headers.get("If-Range") in (None, resource.etag)
    if found and resource.takes_ranges and unchanged:
        start, asked.status = int(found[1]), 206
        if start >= len(data):
            asked.status = 416
            data = b""
    request.send_response(asked.status)
    if asked.status == 206:
        request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    if resource.etag is not None:
        request.send_header("ETag", resource.etag)
    length = resource.claims_bytes if resource.claims_bytes is not None else len(data) - start
    if resource.says_length or asked.status != 200:
        request.send_header("Content-Length", str(max(0, length)))
    request.send_header("Content-Type", "text/html" if path.endswith("/") else "application/octet-stream")
    request.send_header("Connection", "close")
    request.end_headers()
    send_body(request, resource, data[start:], asked)


def send_body(request: BaseHTTPRequestHandler, resource: Resource, body: bytes, asked: Asked) -> None:
    end = resource.cut_at.pop(0) if resource.cut_at else len(body)
    for at in range(0, min(end, len(body)), 16384):
        if resource.stall_at is not None and at >= resource.stall_at:
            resource.go_on.wait(30)
        piece = body[at : min(at + 16384, end)]
        request.wfile.write(piece)
        asked.sent += len(piece)


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def gguf(size: int = 300_000, seed: int = 1) -> bytes:
    """A file that begins like a GGUF without tensors, padded with noise that does not compress."""
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, 0) + random.Random(seed).randbytes(size - 24)


def onnx(size: int = 5000, seed: int = 1) -> bytes:
    """The top level of an ONNX model: version 8, a graph, an operator set."""
    graph = random.Random(seed).randbytes(size)
    length = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14])
    return b"\x08\x08" + b"\x3a" + length + graph + b"\x42\x02\x10\x11"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, package: str, members: dict[str, bytes], version: str = "1.0") -> Path:
    """A real wheel, as small as pip accepts one."""
    name = package.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    files = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in files.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in {**files, f"{info}/RECORD": record.encode() + f"{info}/RECORD,,\n".encode()}.items():
            archive.writestr(path, data)
    return wheel


EMBEDDER = """
[[model]]
id = "other"
role = "embedder"
format = "onnx"
parameters = "1M"
context = 64
licence = "MIT"
file = "model.onnx"
dimensions = 4
pooling = "mean"
normalize = true
min_memory_mb = 10
default = true
description = "An embedder."
  [[model.companions]]
  file = "tokenizer.json"
  [[model.sources]]
  kind = "folder"
  path = "stick"
"""


def entry_toml(data: bytes | None, sources: str, *, name: str = "tiny", default: bool = True, extra: str = "") -> str:
    """A generator's entry; without `data` its hash and length are not known."""
    pin = f'bytes = {len(data)}\nsha256 = "{sha256(data)}"' if data is not None else ""
    return f"""
[[model]]
id = "{name}"
role = "generator"
format = "gguf"
parameters = "1M"
context = 64
licence = "MIT"
file = "{name}.gguf"
state_bytes_per_token = 8
min_memory_mb = 10
{"default = true" if default else ""}
description = "A generator."
{pin}
{extra}
{sources}
"""


def wheels_toml(wheels: dict[str, tuple[Path, str]]) -> str:
    """A source of wheels: package -> (wheel, member)."""
    parts = [
        f"""
    [[model.sources.members]]
    package = "{package}"
    version = "1.0"
    sha256 = "{sha256(path.read_bytes())}"
    bytes = {path.stat().st_size}
    member = "{member}"
"""
        for package, (path, member) in wheels.items()
    ]
    return '[[model.sources]]\nkind = "wheels"\n' + "".join(parts)


def folder_toml(path: str = "stick") -> str:
    return f'[[model.sources]]\nkind = "folder"\npath = "{path}"\n'


def hub_toml(file: str = "tiny.gguf") -> str:
    return f'[[model.sources]]\nkind = "hub"\nrepo = "maker/tiny"\nfile = "{file}"\n'


@pytest.fixture
def catalogue(tmp_path: Path) -> Callable[..., Catalogue]:
    """Writes entries as a catalogue to `tmp_path/catalogue.toml` and reads it back."""

    def write(*entries: str, embedder: str = EMBEDDER) -> Catalogue:
        path = tmp_path / "catalogue.toml"
        path.write_text("schema = 1\n" + "".join(entries) + embedder)
        return load_catalogue(path)

    return write


class Heard:
    """A report that keeps what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int | None, str]] = []
        self.notices: list[str] = []

    @property
    def report(self) -> Report:
        return Report(lambda done, total, label: self.steps.append((done, total, label)), self.notices.append)

    @property
    def hashed(self) -> bool:
        return any(label.startswith("checking") for _, _, label in self.steps)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def index(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Serves wheels as a package index over loopback, and points pip only there."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # The library reads the variable once, when it is first imported, which another test may have done already.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def serve(*wheels: Path, hashes: bool = True, below: str = "/files") -> None:
        for wheel in wheels:
            package = wheel.name.split("-")[0].replace("_", "-")
            fragment = f"#sha256={sha256(wheel.read_bytes())}" if hashes else ""
            page = f'<!DOCTYPE html><html><body><a href="{below}/{wheel.name}{fragment}">{wheel.name}</a></body></html>'
            server.put(f"/simple/{package}/", page.encode())
            server.put(f"{below}/{wheel.name}", wheel.read_bytes())

    return serve


PULL = """
import sys
from pathlib import Path
from assistant.artifacts.catalogue import load_catalogue
from assistant.artifacts.library import ModelLibrary
from assistant.artifacts.progress import Report
notice = lambda sentence: print(sentence, file=sys.stderr, flush=True)
library = ModelLibrary(Path(sys.argv[1]), load_catalogue(Path(sys.argv[2])))
print(library.pull("tiny", Report(notice=notice)).sha256)
"""


@pytest.fixture
def pull_process(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts another process that pulls `tiny` of the catalogue in `tmp_path` to `tmp_path/models`."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PULL, str(tmp_path / "models"), str(tmp_path / "catalogue.toml")]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, cwd=REPOSITORY, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
