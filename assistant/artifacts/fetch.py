"""Downloads that survive a cut: HTTP ranges, a length and a hash that must come out right.

Knows one URL and one file at a time, nothing of models or catalogues. The draft `NAME.part` and the note beside it are
all the state there is, so a process killed at any instant is resumed by the next one.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx

from assistant.artifacts.draft import Draft
from assistant.artifacts.fields import ExpectedFile
from assistant.artifacts.files import storage
from assistant.artifacts.progress import Report
from assistant.artifacts.staging import SourceError


@contextlib.contextmanager
def open_client() -> Iterator[httpx.Client]:
    """An HTTP client that trusts what this machine trusts and honours its proxies.

    Raises:
        SourceError: the machine's proxy or certificate settings cannot be used.
    """
    timeout = httpx.Timeout(30.0, connect=6.0)
    headers = {"User-Agent": "fieldmate", "Accept-Encoding": "identity"}
    try:
        # Certificates of the system rather than of a Python package: owners install their own authority there.
        context = ssl.create_default_context()
        client = httpx.Client(verify=context, timeout=timeout, headers=headers, follow_redirects=True)
    except (ImportError, ValueError, OSError) as exc:
        raise SourceError(f"the proxy or certificate settings of this machine cannot be used ({exc})") from exc
    with client:
        yield client


def download(
    client: httpx.Client, url: str, target: Path, expected: ExpectedFile, report: Report, pause_s: float = 0.5
) -> None:
    """Bring the file at `url` to `target`, continuing what an earlier run left.

    `expected` holds its bytes and hash, where known; without them the server's own length must be met. `pause_s` is the
    wait after a first failure, in seconds, doubled with each further one.

    Raises:
        SourceError: the server is out of reach, refuses, or has other bytes.
        StorageError: the disk takes no more.
    """
    with storage(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    draft = Draft(client, url, target, expected, report, pause_s)
    resumed = draft.size() > 0
    draft.complete()
    problem = draft.wrong()
    if problem is not None and resumed:
        # A power cut may have left a hole in the old part: one whole download settles it.
        report.notice(f"{problem}; starting over.")
        draft.discard()
        draft.complete()
        problem = draft.wrong()
    if problem is not None:
        draft.discard()
        raise SourceError(problem)
    draft.finish()
