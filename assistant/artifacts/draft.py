"""One download in progress: a part that grows, a note of what it belongs to, and requests for the rest.

Knows HTTP ranges. Does not know what is done with the file, nor whether another try is worth it.
"""

from __future__ import annotations

import contextlib
import errno
import re
import time
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from assistant.artifacts.fields import ExpectedFile
from assistant.artifacts.files import move, require_space, storage, write_atomically
from assistant.artifacts.progress import Report
from assistant.artifacts.staging import SourceError
from assistant.artifacts.verify import sha256_of

_ATTEMPTS = 5
"""Tries in a row without a new byte before a source is given up."""
_CONNECT_ATTEMPTS = 2
"""The same while nothing has ever come from the server: it is probably out of reach."""
_LONGEST_PAUSE_S = 20.0


class _RetryError(Exception):
    """An attempt ended early, and another may go on from there."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _Note(Struct, frozen=True):
    """What must hold for a draft to be continued."""

    url: str
    validator: str | None
    """Strong ETag, or date of the last change, that the server gave."""
    total: int
    """Bytes of the whole file."""


class Draft:
    """One download in progress."""

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        target: Path,
        expected: ExpectedFile,
        report: Report,
        pause_s: float,
    ) -> None:
        self._client = client
        self._url = url
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._note_path = target.with_name(target.name + ".note")
        self._expected = expected
        self._report = report
        self._pause_s = pause_s
        self._note = self._read_note()
        self._heard = False
        if self._note is None and (expected.sha256 is None or expected.bytes is None):
            self.discard()  # nothing would tell whether the rest fits to what is here

    def size(self) -> int:
        """Bytes that are here."""
        with contextlib.suppress(FileNotFoundError):
            return self._part.stat().st_size
        return 0

    def discard(self) -> None:
        """Begin again from nothing."""
        self._part.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)
        self._note = None

    def complete(self) -> None:
        """Ask until all bytes are here.

        Raises:
            SourceError: the server does not give them.
        """
        best, failures = self.size(), 0
        while self.size() != self._total():
            try:
                self._attempt()
            except (_RetryError, httpx.TransportError) as exc:
                failures = 0 if self.size() > best else failures + 1
                best = max(best, self.size())
                if failures >= (_ATTEMPTS if self._heard else _CONNECT_ATTEMPTS):
                    raise SourceError(f"{_said(exc)} ({self._host()})", by_pip=not self._heard) from exc
                asked = exc.wait_s if isinstance(exc, _RetryError) else 0.0
                time.sleep(min(max(self._pause_s * 2**failures, asked), _LONGEST_PAUSE_S))
            except (httpx.HTTPError, httpx.InvalidURL) as exc:
                raise SourceError(f"{_said(exc)} ({self._host()})", by_pip=True) from exc

    def wrong(self) -> str | None:
        """What is wrong with the finished draft, or None."""
        if self._expected.sha256 is None:
            return None
        with storage(self._part.parent):
            found = sha256_of(self._part)
        if found == self._expected.sha256:
            return None
        return f"{self._host()} gave a file with SHA-256 {found}, not {self._expected.sha256}"

    def finish(self) -> None:
        """Give the draft its name."""
        with storage(self._target.parent):
            move(self._part, self._target)
            self._note_path.unlink(missing_ok=True)

    def _total(self) -> int | None:
        if self._expected.bytes is not None:
            return self._expected.bytes
        return self._note.total if self._note is not None else None

    def _attempt(self) -> None:
        total = self._total()
        if total is not None and self.size() > total:
            self.discard()
        have = self.size()
        headers = {}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._note is not None and self._note.validator is not None:
                headers["If-Range"] = self._note.validator
        with self._client.stream("GET", self._url, headers=headers) as response:
            self._heard = True
            self._check_status(response)
            whole = self._agree(response, have)
            self._write(response, whole)
        if self.size() < whole:
            raise _RetryError(f"the connection ended after {self.size()} of {whole} bytes")

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status == 416:
            self.discard()
            raise _RetryError("the server has fewer bytes than are here")
        if status == 429 or status >= 500:
            wait = response.headers.get("Retry-After", "")
            raise _RetryError(f"the server answered {status}", float(wait) if wait.isdigit() else 0.0)
        denied = status in (401, 403, 407)
        raise SourceError(f"{self._host()} answered {status} {response.reason_phrase}".rstrip(), by_pip=denied)

    def _agree(self, response: httpx.Response, have: int) -> int:
        """Bytes of the whole file by this response, after checking that it continues what is here."""
        whole: int | None
        if response.status_code == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
            start, whole = (int(found[1]), int(found[2])) if found else (-1, 0)
            before, now = self._note.validator if self._note is not None else None, _validator(response)
            changed = before is not None and now is not None and before != now
            if start != have or changed or self._total() not in (None, whole):
                self.discard()
                raise _RetryError("the file changed on the server")
        else:
            length = response.headers.get("Content-Length", "")
            whole = int(length) if length.isdigit() else self._expected.bytes
            self.discard()  # the server sends all of it, whatever was asked for
        if whole is None:
            raise SourceError(f"{self._host()} does not say how long the file is")
        if self._expected.bytes not in (None, whole):
            raise SourceError(f"{self._host()} has a file of {whole} bytes, not {self._expected.bytes}")
        if self._expected.bytes is None:
            require_space(self._part.parent, whole - self.size(), self._target.name)
        self._note = _Note(self._url, _validator(response), whole)
        with storage(self._part.parent):
            write_atomically(self._note_path, msgspec.json.encode(self._note))
        return whole

    def _write(self, response: httpx.Response, whole: int) -> None:
        have = self.size()
        with storage(self._part.parent):
            # Unbuffered: what has come must be on its way to the disk when the process is killed.
            stream = self._part.open("ab", buffering=0)
        with stream:
            # As it arrives: pieces collected to a larger size would be lost in a cut.
            for chunk in response.iter_raw():
                have += len(chunk)
                if have > whole:
                    raise SourceError(f"{self._host()} sends more than the {whole} bytes it should")
                with storage(self._part.parent):
                    # A disk that fills up may take a piece of the chunk and report no error before the next one.
                    if stream.write(chunk) != len(chunk):
                        raise OSError(errno.ENOSPC, "No space left on device")
                self._report.at(have, whole)

    def _read_note(self) -> _Note | None:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            note = msgspec.json.decode(self._note_path.read_bytes(), type=_Note)
            return note if note.url == self._url else None
        return None

    def _host(self) -> str:
        return httpx.URL(self._url).host


def _validator(response: httpx.Response) -> str | None:
    """What If-Range may carry: a strong ETag, else the date of the last change."""
    etag: str = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    date: str | None = response.headers.get("Last-Modified")
    return date


def _said(exc: Exception) -> str:
    if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout):
        return "could not be reached"
    return str(exc) or type(exc).__name__
