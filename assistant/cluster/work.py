"""What is done with a portion of files on the cluster: fetched where the files are, made into passages where there is a
free core.

Runs in Ray's worker processes. It knows no store: what is stored already comes along as digests of texts.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assistant import __version__
from assistant.cluster.attempts import Attempts
from assistant.errors import FieldmateError, InputError, ModelDamaged, UnreadableDocument
from assistant.ingest.files import read_bytes
from assistant.ingest.readers import reader_for
from assistant.ingest.storing import Maker, Prepared, full
from assistant.protocols import Embedder
from assistant.store.vectors import Vectors
from assistant.types import Document, FileReport, Passage

_READ_TIMES = 3
"""Processes that a file may end before it is left out: once may be the machine's fault, three times is the file's."""
_BEGUN_TIMES = 10
"""Processes that a portion may end for another reason than reading a file."""


@dataclass(frozen=True, slots=True)
class Model:
    """An embedder that is sent to the workers."""

    id: str
    format: str
    fingerprint: str
    dimensions: int
    max_tokens: int
    pooling: str
    files: tuple[tuple[str, str], ...]
    """Path below its folder and SHA-256 of each file."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for every portion of a run."""

    id: str
    model: Model
    content: Any
    """Reference to the bytes of the model's files by their paths: Ray brings them to a machine once."""
    load: Callable[[Model, Path], Embedder]
    """Loads the model from a folder. Handed over, because only `assistant.wiring` knows engines."""
    max_tokens: int
    max_file_bytes: int
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that is to be made into a document."""

    source: str
    name: str
    """How it is cited, if that name is free."""
    known: frozenset[bytes] = frozenset()
    """Digests of the texts whose vectors are stored."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The content of a file, or why there is none."""

    sent: Sent
    data: bytes = b""
    modified_ns: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """What has become of a file."""

    source: str
    document: Document | None = None
    passages: Sequence[Passage] = ()
    tokens: Sequence[tuple[str, str]] = ()
    """Search terms of each passage."""
    vectors: Vectors | None = None
    """One row for each passage; zeros where the text's vector is stored already."""
    refused: str = ""


def digest(text: str) -> bytes:
    """What stands for a text whose vector is known."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def fetch(row: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """The content of a portion's files; runs on the machine that has them."""
    files: list[Fetched] = []
    for sent in row["files"]:
        path = Path(sent.source)
        try:
            data = read_bytes(path, sent.name, job.max_file_bytes)
            files.append(Fetched(sent, data, path.stat().st_mtime_ns))
        except UnreadableDocument as exc:
            files.append(Fetched(sent, refused=str(exc)))
        except OSError:
            files.append(Fetched(sent, refused=f"{sent.name} is not there; check the path and add it again."))
    return {"number": row["number"], "files": files, "problem": None}


def make(row: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """Documents, passages and vectors of a portion's files; runs wherever a core is free."""
    problem, made = row["problem"], []
    if problem is None and job.version != __version__:
        problem = InputError(
            f"A worker of the cluster has Fieldmate {__version__} and this machine {job.version}; install the same "
            "version on every node."
        )
    if problem is None:
        attempts = Attempts(job.id)
        try:
            with attempts.of(f"portion-{row['number']}") as before:
                if before >= _BEGUN_TIMES:
                    raise InputError(
                        f"The portion with {row['files'][0].sent.source} ended {before} processes of the cluster, "
                        "probably for want of memory; give its workers more and run the same command again."
                    )
                made = list(_made(row["files"], _maker(job), attempts))
        except FieldmateError as exc:
            problem = exc
    return {"number": row["number"], "files": made, "problem": problem}


def _made(files: Sequence[Fetched], maker: Maker, attempts: Attempts) -> Iterator[Made]:
    waiting: list[Prepared] = []
    for fetched in files:
        waiting.append(_prepared(fetched, maker, attempts))
        if full(waiting):
            yield from _embedded(waiting, maker)
            waiting = []
    yield from _embedded(waiting, maker)


def _prepared(fetched: Fetched, maker: Maker, attempts: Attempts) -> Prepared:
    sent = fetched.sent
    try:
        if fetched.refused:
            raise UnreadableDocument(fetched.refused)
        with attempts.of(f"file-{digest(sent.source).hex()}") as before:
            if before >= _READ_TIMES:
                raise UnreadableDocument(
                    f"{sent.name} has ended {before} processes that read it; save it in another format and add that."
                )
            document, passages = _read(fetched, maker)
    except UnreadableDocument as exc:
        return Prepared(sent.source, report=FileReport(sent.source, "refused", reason=str(exc)))
    texts = {passage.searchable() for passage in passages} if sent.known else set()
    stored = np.zeros(maker.dimensions, dtype=np.float32)
    known = {text: stored for text in texts if digest(text) in sent.known}
    return Prepared(sent.source, (sent.name,), document, passages, known=known)


def _read(fetched: Fetched, maker: Maker) -> tuple[Document, list[Passage]]:
    """The document of a copy that has the file's name and time; what is said of it is what is said of the file."""
    sent = fetched.sent
    reader = reader_for(Path(sent.source))
    assert reader is not None, "this process sent a file that it has no reader for"
    with tempfile.TemporaryDirectory(prefix="fieldmate-") as folder:
        path = Path(folder, Path(sent.source).name)
        path.write_bytes(fetched.data)
        os.utime(path, ns=(fetched.modified_ns, fetched.modified_ns))
        document, passages = maker.passages(reader.read(path, sent.name))
    return replace(document, source=sent.source), passages


def _embedded(waiting: Sequence[Prepared], maker: Maker) -> Iterator[Made]:
    vectors = maker.vectors(waiting, lambda *_: None)
    begin = 0
    for one in waiting:
        end = begin + len(one.passages)
        if one.report is not None:
            yield Made(one.source, refused=one.report.reason)
        else:
            tokens = one.tokens()
            yield Made(one.source, one.document, one.passages, tokens, vectors[begin:end])
        begin = end


_makers: dict[str, Maker] = {}
"""Of this process, which Ray uses for many portions: by job."""


def _maker(job: Job) -> Maker:
    if job.id not in _makers:
        _makers[job.id] = Maker(_embedder(job), job.max_tokens)
    return _makers[job.id]


def _embedder(job: Job) -> Embedder:
    import ray

    content: Mapping[str, bytes] = ray.get(job.content)
    with tempfile.TemporaryDirectory(prefix="fieldmate-") as folder:
        for name, sha256 in job.model.files:
            if hashlib.sha256(content[name]).hexdigest() != sha256:
                raise ModelDamaged(
                    f"The file {name} of {job.model.id} has come to a worker with other bytes than its manifest names; "
                    "run `fieldmate models verify` here and then the same command again."
                )
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[name])
        return job.load(job.model, Path(folder))


def probe() -> str:
    """The version of Fieldmate in this process."""
    return __version__
