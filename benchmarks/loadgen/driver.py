"""Runs LoadGen over a system under test. The only module that knows the library; it knows no product and no row.

LoadGen names questions by number and waits for each to be completed. A system that fails must not leave it waiting:
what is open is completed empty, the run comes to its end, and the failure is raised then. Whatever is raised inside
one of its calls may not pass through LoadGen, whose threads would go on with files that are closed.
"""

from __future__ import annotations

import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import msgspec

from benchmarks.errors import BenchmarkError
from benchmarks.loadgen import logs
from benchmarks.loadgen.asking import Answered
from benchmarks.loadgen.rules import Rules


@dataclass(slots=True)
class Ticket:
    """One question under way: LoadGen's handle, and when what happened, in seconds of `time.perf_counter`."""

    index: int
    """Of the question."""
    handle: int
    issued: float
    finished: Callable[[Ticket, Answered], None]
    failed: Callable[[BaseException], None]
    taken: float | None = None
    """When the system took it up; until then it waited in its queue."""
    text: float | None = None
    """When the first text was shown."""
    answer: Answered | None = None
    completed: bool = False

    def take(self) -> None:
        """The system begins with it."""
        self.taken = time.perf_counter()

    def say(self) -> None:
        """The first text is shown."""
        self.text = time.perf_counter()

    def finish(self, answer: Answered) -> None:
        """The answer is done."""
        self.finished(self, answer)

    def fail(self, error: BaseException) -> None:
        """The system cannot answer, neither this question nor another."""
        self.failed(error)


class System(Protocol):
    """A system under test."""

    def take(self, ticket: Ticket) -> None:
        """Answer at once, or put the question in a queue and answer from another thread."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One question as LoadGen and the harness saw it; times in milliseconds."""

    index: int
    latency: float
    """LoadGen's: from the arrival to the end of the answer."""
    first_text: float | None
    """From the arrival to the first shown text; None when none was shown."""
    waited: float
    """From the arrival until the system took it up."""
    answer: Answered
    digest: str
    """As LoadGen kept it."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of LoadGen."""

    samples: Sequence[Sample]
    """In LoadGen's order."""
    verdict: logs.Verdict | None
    """None of an accuracy run."""

    @property
    def order(self) -> list[int]:
        """The questions, as they were issued."""
        return [sample.index for sample in self.samples]


def required() -> Any:
    """LoadGen.

    Raises:
        BenchmarkError: it is not installed.
    """
    try:
        return import_module("mlperf_loadgen")
    except ImportError as exc:
        raise BenchmarkError(
            "MLPerf LoadGen is not installed; run `pip install mlcommons-loadgen` (where there is no wheel for the "
            "processor, pip builds it and needs a C++ compiler), or leave this scenario out with --only."
        ) from exc


def run(rules: Rules, system: System, scratch: Path) -> Ran:
    """One run by these rules; its logs stay below `scratch`.

    Raises:
        BenchmarkError: LoadGen is missing, or has left no result. Whatever the system fails with is raised as it is.
    """
    library = required()
    folder = _log_folder(rules, scratch)
    session = _Session(library, system, hold=rules.scenario == "Server" and not rules.accuracy)
    sut = library.ConstructSUT(session.issue, session.flush)
    qsl = library.ConstructQSL(rules.questions, rules.questions, _nothing, _nothing)
    try:
        # Without a name of its own, LoadGen would obey an `audit.config` that happens to lie in the current folder.
        library.StartTestWithLogSettings(
            sut, qsl, _settings(library, rules), _log_settings(library, folder), str(folder / "no-audit.config")
        )
    finally:
        library.DestroyQSL(qsl)
        library.DestroySUT(sut)
    session.raise_failure()
    return Ran(_joined(session.tickets, folder), None if rules.accuracy else logs.verdict(folder))


def _log_folder(rules: Rules, scratch: Path) -> Path:
    """A new folder that takes files: LoadGen would leave a thread behind where it cannot open its own."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{rules.scenario}-", dir=scratch))
        (folder / "rules.json").write_bytes(msgspec.json.encode(rules))
    except OSError as exc:
        raise BenchmarkError(f"LoadGen's logs cannot be written ({exc.strerror}); make room for them.") from exc
    return folder


def _nothing(_: Sequence[int]) -> None:
    """Questions need no loading."""


def _settings(library: Any, rules: Rules) -> Any:
    settings = library.TestSettings()
    settings.scenario = getattr(library.TestScenario, rules.scenario)
    settings.mode = library.TestMode.AccuracyOnly if rules.accuracy else library.TestMode.PerformanceOnly
    for name, value in rules.settings().items():
        setattr(settings, name, value)
    return settings


def _log_settings(library: Any, folder: Path) -> Any:
    settings, output = library.LogSettings(), library.LogOutputSettings()
    output.outdir = str(folder)
    output.prefix = logs.PREFIX
    settings.log_output = output
    settings.enable_trace = True  # the only place where LoadGen writes down each sample
    return settings


def _joined(tickets: Sequence[Ticket], folder: Path) -> list[Sample]:
    """What LoadGen and the harness say of the same questions, put together by their order."""
    logged, kept = logs.samples(folder), logs.digests(folder)
    order = [ticket.index for ticket in tickets]
    if not tickets or [item.index for item in logged] != order or [index for index, _ in kept] != order:
        raise BenchmarkError(
            f"LoadGen logged {len(logged)} samples and {len(tickets)} questions were asked, or in another order; "
            "this version of mlcommons-loadgen is not known."
        )
    return [_sample(*each) for each in zip(tickets, logged, kept, strict=True)]


def _sample(ticket: Ticket, logged: logs.Logged, kept: tuple[int, str]) -> Sample:
    assert ticket.answer is not None
    assert ticket.taken is not None

    def since_arrival(moment: float) -> float:
        return logged.delay_ms + (moment - ticket.issued) * 1000

    return Sample(
        index=ticket.index,
        latency=logged.latency_ms,
        first_text=None if ticket.text is None else since_arrival(ticket.text),
        waited=since_arrival(ticket.taken),
        answer=ticket.answer,
        digest=kept[1],
    )


@dataclass(slots=True)
class _Session:
    """The two calls that LoadGen makes, and what they leave."""

    library: Any
    system: System
    hold: bool
    """After a failure, complete nothing before LoadGen has issued all: it then stops at its limit of open questions,
    instead of sleeping until the last scheduled arrival. Only where it does not wait for each answer."""
    tickets: list[Ticket] = field(default_factory=list)
    _failure: BaseException | None = None
    _flushed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, samples: Sequence[Any]) -> None:
        """LoadGen has questions."""
        for sample in samples:
            ticket = Ticket(sample.index, sample.id, time.perf_counter(), self._finish, self._fail)
            with self._lock:
                self.tickets.append(ticket)
                failed = self._failure is not None
            if failed:
                self._complete([] if self.hold else [ticket])
                continue
            try:
                self.system.take(ticket)
            except BaseException as exc:  # noqa: BLE001  # an interrupt too: it is raised when LoadGen has ended
                self._fail(exc)

    def flush(self) -> None:
        """LoadGen has issued all questions."""
        with self._lock:
            self._flushed = True
            failed = self._failure is not None
        if failed:
            self._complete(self.tickets)

    def raise_failure(self) -> None:
        """Raise what the system has failed with."""
        if self._failure is not None:
            raise self._failure

    def _finish(self, ticket: Ticket, answer: Answered) -> None:
        ticket.answer = answer
        self._complete([ticket], bytes.fromhex(answer.digest))

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or error
            release = self._flushed or not self.hold
        if release:
            self._complete(self.tickets)

    def _complete(self, tickets: Sequence[Ticket], data: bytes = b"\0") -> None:
        with self._lock:  # each ticket once: LoadGen's memory behind a handle is gone afterwards
            wanted = [ticket for ticket in tickets if not ticket.completed]
            for ticket in wanted:
                ticket.completed = True
        buffer = array("B", data)
        address, length = buffer.buffer_info()
        responses = [self.library.QuerySampleResponse(ticket.handle, address, length) for ticket in wanted]
        if responses:
            self.library.QuerySamplesComplete(responses)
