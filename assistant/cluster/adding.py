"""Adding with a cluster: the same documents, passages and vectors as `assistant.ingest.adding` makes, by many machines.

Knows the portions, Ray Data's stream of them and the store, which this process alone writes: in the order of the files,
each document in a transaction of its own. What is stored is not sent, so a run that was cut goes on where it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from assistant.cluster.connecting import Cluster, connected
from assistant.cluster.work import Job, Made, Model, Sent, digest, fetch, make, probe
from assistant.errors import InputError, UnreadableDocument
from assistant.ingest.adding import AddProgress, Meter, required_reader
from assistant.ingest.files import hash_file
from assistant.ingest.finding import Found, find
from assistant.ingest.portions import portions
from assistant.ingest.readers import archive_reader_for
from assistant.ingest.storing import Prepared, Storer
from assistant.protocols import Embedder
from assistant.store.database import Store
from assistant.types import FileReport

_RESTARTS = 2
"""Times that the stream is begun again where it broke, without a portion coming through in between."""


@dataclass(frozen=True, slots=True)
class Sending:
    """The embedder as it is sent, and how a worker loads it."""

    model: Model
    folder: Path
    load: Callable[[Model, Path], Embedder]


class ClusterAdder:
    """Adds files to one store with the machines of one Ray cluster; a context manager that holds the connection."""

    def __init__(
        self, address: str, store: Store, embedder: Embedder, sending: Sending, *, max_tokens: int, max_file_bytes: int
    ) -> None:
        """`embedder` is the one that is sent; see `assistant.ingest.adding.Adder`."""
        self._address = address
        self._storer = Storer(store, embedder, max_tokens)
        self._sending = sending
        self._max_tokens = max_tokens
        self._max_file_bytes = max_file_bytes
        self._stack = ExitStack()
        self._cluster = Cluster("")

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            UsageError, InputError: see `assistant.cluster.connecting.connected`.
        """
        with ExitStack() as stack:
            self._cluster = stack.enter_context(connected(self._address))
            _require_fieldmate()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(
        self,
        paths: Sequence[Path],
        progress: Callable[[AddProgress], None] = lambda _: None,
        *,
        but: Container[str] = frozenset(),
    ) -> Iterator[FileReport]:
        """Add files and the readable files below folders, as `Adder.add` does.

        Raises:
            InputError: the cluster cannot go on. What was reported before is stored.
            ModelDamaged: the embedder did not arrive whole.
        """
        files = [found for found in find(paths) if str(found.path) not in but]
        meter = Meter(files, progress)
        plan = [[(found, self._look(found, meter)) for found in portion] for portion in portions(files)]
        sent = [[one for _, one in portion if isinstance(one, Sent)] for portion in plan]
        stream = self._stream({number: some for number, some in enumerate(sent) if some})
        for portion, some in zip(plan, sent, strict=True):
            made = iter(next(stream) if some else ())
            for found, one in portion:
                meter.begin(found)
                report = self._store(found, next(made), meter) if isinstance(one, Sent) else one
                yield report
                meter.end(found)

    def _look(self, found: Found, meter: Meter) -> Sent | FileReport:
        """What is to be sent, or the report where nothing is."""
        source, name = str(found.path), found.names[0]
        meter.begin(found)
        try:
            if archive_reader_for(found.path) is not None:
                raise UnreadableDocument(
                    f"{name} is an archive, which is read by one machine; add it by itself without --on-ray."
                )
            required_reader(found.path)
            known = self._storer.known(source)
            # Without a vector it is not stored: no byte of it need be read here.
            if known and self._storer.is_current(source, hash_file(found.path, name, self._max_file_bytes)):
                return FileReport(source, "unchanged")
        except UnreadableDocument as exc:
            return FileReport(source, "refused", reason=str(exc))
        return Sent(source, name, frozenset(map(digest, known)))

    def _stream(self, waiting: dict[int, list[Sent]]) -> Iterator[list[Made]]:
        """What was made of each portion, in order; begins again behind the last one where Ray cannot go on itself."""
        if not waiting:
            return
        from ray.exceptions import RayError, RayTaskError

        job, failed = self._job(), 0
        while waiting:
            try:
                with closing(_rows(waiting, job, self._cluster)) as rows:
                    for row in rows:
                        if row["problem"] is not None:
                            raise row["problem"]
                        del waiting[row["number"]]
                        failed = 0
                        yield row["files"]
            except RayTaskError:
                raise  # An error of ours: repeating it would not help.
            except RayError as exc:
                failed += 1
                if failed > _RESTARTS:
                    raise InputError(
                        f"The Ray cluster at {self._address} cannot go on ({_first_line(exc)}); check it with "
                        "`ray status` and run the same command again."
                    ) from exc

    def _job(self) -> Job:
        import ray

        model, folder = self._sending.model, self._sending.folder
        content = ray.put({name: (folder / name).read_bytes() for name, _ in model.files})
        return Job(secrets.token_hex(8), model, content, self._sending.load, self._max_tokens, self._max_file_bytes)

    def _store(self, found: Found, made: Made, meter: Meter) -> FileReport:
        if made.document is None or made.vectors is None:
            return FileReport(made.source, "refused", reason=made.refused)
        known = self._storer.known(made.source)
        vectors = np.array(made.vectors)
        for place, passage in enumerate(made.passages):
            if (stored := known.get(passage.searchable())) is not None:
                vectors[place] = stored
        one = Prepared(made.source, found.names, made.document, made.passages, known=known)
        meter.embedded([found], 1, 1, one.unknown)
        return self._storer.put(one, vectors, made.tokens)


def _rows(waiting: dict[int, list[Sent]], job: Job, cluster: Cluster) -> Generator[dict[str, Any], None, None]:
    """Ray Data's stream: fetched on this machine's node, made on any; as much at a time as the object store takes."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    rows = [{"number": number, "files": files, "problem": None} for number, files in sorted(waiting.items())]
    here = {"ray.io/node-id": cluster.node}
    yield from (
        ray.data.from_items(rows, override_num_blocks=len(rows))
        .map(fetch, fn_kwargs={"job": job}, num_cpus=0, label_selector=here)
        .map(make, fn_kwargs={"job": job}, num_cpus=1)
        .iter_rows()
    )


def _require_fieldmate() -> None:
    """Run nothing on a cluster that cannot load this package."""
    import ray

    try:
        ray.get(ray.remote(num_cpus=0)(probe).remote())
    except Exception as exc:  # what fails to load on the other side comes back as one of many kinds
        raise InputError(
            f"The workers of the cluster cannot load Fieldmate ({_first_line(exc)}); install the same version of it on "
            "every node."
        ) from exc


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip().rstrip(". ")
