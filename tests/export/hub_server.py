"""A model hub on loopback: one repository, the requests that huggingface_hub makes of it, and nothing else."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "owner/tiny"


class Hub(ThreadingHTTPServer):
    """What the server has, and what was asked of it."""

    def __init__(self, folder: Path, licence: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.licence = licence
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file())


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(path)
        if path.startswith(f"/api/models/{NAME}/tree/"):
            self._json([self._entry(each) for each in self.server.files()], body)
        elif path in (
            f"/api/models/{NAME}",
            f"/api/models/{NAME}/revision/main",
            f"/api/models/{NAME}/revision/{COMMIT}",
        ):
            card = {"license": self.server.licence} if self.server.licence else {}
            siblings = [{"rfilename": each.name} for each in self.server.files()]
            self._json(
                {"id": NAME, "modelId": NAME, "sha": COMMIT, "siblings": siblings, "tags": [], "cardData": card}, body
            )
        elif path.startswith(f"/{NAME}/resolve/") and (self.server.folder / Path(path).name).is_file():
            self._send((self.server.folder / Path(path).name).read_bytes(), "application/octet-stream", body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _entry(self, path: Path) -> dict[str, object]:
        return {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": _etag(path.read_bytes())}

    def _json(self, value: object, body: bool) -> None:
        self._send(json.dumps(value).encode(), "application/json", body)

    def _send(self, data: bytes, kind: str, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{_etag(data)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(data)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@contextmanager
def serving(folder: Path, licence: str | None = "apache-2.0") -> Iterator[Hub]:
    hub = Hub(folder, licence)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
