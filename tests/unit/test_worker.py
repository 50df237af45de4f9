"""The worker: a facade that does only what the test lets it do, the real one, and a real model of a few kilobytes.

Nothing here measures time: a test waits for what is sure to happen, and compares what was done, in its order.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant import Assistant, Settings
from assistant.engines.fake import ScriptedGenerator
from assistant.engines.llama import LlamaGenerator
from assistant.errors import Busy, ModelMissing, StorageError, UsageError
from assistant.protocols import Cancelled
from assistant.types import (
    Answer,
    AnswerDone,
    AnswerEvent,
    Generated,
    Prompt,
    Retrieved,
    Scope,
    TextDelta,
    Timings,
    Warming,
)
from assistant.wiring import Parts
from assistant.worker import Worker

REPOSITORY = Path(__file__).parents[2]
TINY_GENERATOR = REPOSITORY / "tests" / "artifacts" / "tiny-generator" / "tiny-f16.gguf"
PATIENCE_S = 60
"""For what is sure to happen."""
STEP = Warming(1, 3, 1, 0, 100, full=False)
MANUAL = """# Pump unit

| Code | Meaning |
| --- | --- |
| E07 | The pump is running dry |
| E08 | The motor is too hot |

The relief valve opens at 8 bar. Replace the filter every 6 months.
"""


def happens(event: threading.Event) -> None:
    assert event.wait(PATIENCE_S), "it has not happened"


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread is sure to do."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.005)


class Hand(Assistant):
    """A facade that writes down what it is asked to do, and does what is held only when it is let go."""

    def __init__(self) -> None:
        super().__init__(Parts(Settings()))
        self.did: list[str] = []
        self.threads: set[int] = set()
        self.begun: dict[str, threading.Event] = {}
        self.let_go: dict[str, threading.Event] = {}
        self.fails: dict[str, BaseException] = {}
        self.steps = 3

    def hold(self, *works: str) -> None:
        for work in works:
            self.begun[work], self.let_go[work] = threading.Event(), threading.Event()

    def _do(self, work: str, cancelled: Cancelled) -> bool:
        """Whether it was done to its end."""
        self.did.append(work)
        self.threads.add(threading.get_ident())
        if work in self.fails:
            raise self.fails[work]
        if work in self.begun:
            self.begun[work].set()
            while not self.let_go[work].wait(0.005):
                if cancelled():
                    self.did.append(f"{work} stopped")
                    return False
        return True

    def ask(
        self,
        question: str,
        session: str | None = None,
        *,
        scope: Scope | None = None,
        cancelled: Cancelled = lambda: False,
    ) -> Iterator[AnswerEvent]:
        try:
            yield Retrieved(())
            text = f"Answer to {question}." if self._do(question, cancelled) else "Stopped."
            yield TextDelta(text)
            yield AnswerDone(Answer(question, text, "answered", "quoted", 1.0))
        finally:
            self.did.append(f"{question} over")

    def prepare(
        self,
        question: str,
        session: str | None = None,
        *,
        scope: Scope | None = None,
        cancelled: Cancelled = lambda: False,
    ) -> None:
        self._do(f"prepare {question}", cancelled)

    def warming(self, cancelled: Cancelled = lambda: False, *, scope: Scope | None = None) -> Iterator[Warming]:
        self.did.append("warming")
        for number in range(self.steps):
            if not self._do(f"step {number}", cancelled):
                return
            yield STEP
        self.did.append("all there")

    def load(self) -> None:
        self._do("load", lambda: False)

    def close(self) -> None:
        self._do("close", lambda: False)
        super().close()


@pytest.fixture
def hand() -> Hand:
    return Hand()


Start = Callable[..., Worker]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers, and closes them with the test."""
    started: list[Worker] = []

    def start_(opened: Callable[[], Assistant] | Assistant, **options: float) -> Worker:
        started.append(Worker(opened if callable(opened) else lambda: opened, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start_
    for one in started:
        one.close()


def text_of(events: Iterator[AnswerEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def waits_for(worker: Worker) -> None:
    """Come back when everything that waits now is done."""
    worker.call(lambda _: None)


# Questions


def test_the_events_are_those_of_the_facade_in_their_order(hand: Hand, start: Start) -> None:
    events = list(start(hand).ask("a"))
    assert [type(event) for event in events] == [Retrieved, TextDelta, AnswerDone]
    assert text_of(iter(events)) == "Answer to a."


def test_one_thread_opens_works_and_closes_and_it_is_not_the_callers(hand: Hand) -> None:
    opened_in: list[int] = []

    def opened() -> Assistant:
        opened_in.append(threading.get_ident())
        return hand

    with Worker(opened) as worker:
        list(worker.ask("a"))
        worker.prepare("b")
        list(worker.ask("c"))
    assert hand.did[-1] == "close"
    assert {*opened_in} == hand.threads
    assert len(hand.threads) == len(opened_in) == 1
    assert threading.get_ident() not in hand.threads


def test_two_questions_at_once_queue_and_do_not_mix(hand: Hand, start: Start) -> None:
    hand.hold("first")
    worker = start(hand)
    first = worker.ask("first")
    happens(hand.begun["first"])
    second = worker.ask("second")
    assert isinstance(next(first), Retrieved)  # comes while the question is in work
    hand.let_go["first"].set()
    assert text_of(second) == "Answer to second."  # whoever reads first
    assert text_of(first) == "Answer to first."
    assert hand.did == ["first", "first over", "second", "second over"]


def test_a_slow_reader_keeps_nobody_waiting(hand: Hand, start: Start) -> None:
    worker = start(hand)
    unread = worker.ask("unread")
    assert text_of(worker.ask("next")) == "Answer to next."
    assert text_of(unread) == "Answer to unread."


def test_as_many_questions_wait_as_are_taken_and_one_more_is_refused(hand: Hand, start: Start) -> None:
    hand.hold("running")
    worker = start(hand, most_waiting=2)
    running = worker.ask("running")
    happens(hand.begun["running"])
    waiting = [worker.ask("a"), worker.ask("b")]
    for refused in (lambda: worker.ask("c"), lambda: worker.call(lambda _: None)):
        with pytest.raises(Busy, match=r"2 questions wait .* ask again in a moment\."):
            refused()
    waiting[0].close()  # gives its place free at once
    late = worker.ask("c")
    hand.let_go["running"].set()
    assert [text_of(one) for one in (running, *waiting, late)] == [
        "Answer to running.", "", "Answer to b.", "Answer to c."
    ]  # fmt: skip
    assert "a" not in hand.did


def test_an_error_is_raised_where_the_answer_is_read_and_the_next_question_is_answered(
    hand: Hand, start: Start
) -> None:
    worker = start(hand)
    for error in (ModelMissing("It is not here; pull it."), ZeroDivisionError("a bug"), SystemExit(3)):
        hand.fails["bad"] = error
        events = worker.ask("bad")
        assert isinstance(next(events), Retrieved)
        with pytest.raises(type(error)) as caught:
            next(events)
        assert caught.value is error
        with pytest.raises(StopIteration):
            next(events)
        with pytest.raises(type(error)):
            worker.call(lambda assistant: assistant.answer("bad"))
    assert text_of(worker.ask("good")) == "Answer to good."


def test_an_assistant_that_cannot_be_opened_is_an_error_of_each_question_until_it_can(hand: Hand, start: Start) -> None:
    tries: list[int] = []

    def opened() -> Assistant:
        tries.append(1)
        if len(tries) < 3:
            raise StorageError("The folder is gone; bring it back.")
        return hand

    worker = start(opened)
    for _ in range(2):
        with pytest.raises(StorageError, match="bring it back"):
            list(worker.ask("a"))
    assert text_of(worker.ask("a")) == "Answer to a."


def test_what_is_called_is_done_in_its_turn_and_gives_its_value(hand: Hand, start: Start) -> None:
    hand.hold("first")
    worker = start(hand)
    first = worker.ask("first")
    happens(hand.begun["first"])
    with ThreadPoolExecutor(1) as pool:
        value = pool.submit(worker.call, lambda assistant: [*assistant.did])  # type: ignore[attr-defined]
        hand.let_go["first"].set()
        assert value.result(PATIENCE_S) == ["first", "first over"]
    list(first)


# Cancelling


def test_a_cancelled_question_ends_where_it_is_and_what_was_said_can_be_read(hand: Hand, start: Start) -> None:
    hand.hold("long")
    worker = start(hand)
    events = worker.ask("long")
    happens(hand.begun["long"])
    events.cancel()
    events.cancel()
    assert text_of(events) == "Stopped."
    assert text_of(worker.ask("next")) == "Answer to next."
    assert hand.did == ["long", "long stopped", "long over", "next", "next over"]


def test_a_closed_question_frees_the_engine_and_says_nothing_more(hand: Hand, start: Start) -> None:
    hand.hold("long")
    worker = start(hand)
    with worker.ask("long") as events:
        happens(hand.begun["long"])
        next(events)
    assert list(events) == []
    waits_for(worker)
    assert hand.did == ["long", "long stopped", "long over"]


def test_a_reader_that_waits_is_woken_when_another_thread_closes_its_question(hand: Hand, start: Start) -> None:
    hand.hold("running", "waiting")
    worker = start(hand)
    streams = [worker.ask("running"), worker.ask("waiting")]
    happens(hand.begun["running"])
    with ThreadPoolExecutor(2) as pool:
        read = [pool.submit(list, one) for one in streams]
        for one in streams:
            one.close()
        for future in read:
            assert not any(isinstance(event, AnswerDone) for event in future.result(PATIENCE_S))
    waits_for(worker)
    assert "waiting" not in hand.did


# Work ahead


def test_the_newest_partial_input_replaces_older_ones_running_or_waiting(hand: Hand, start: Start) -> None:
    hand.hold("prepare what", "prepare what is the")
    worker = start(hand)
    worker.prepare("what")
    happens(hand.begun["prepare what"])
    worker.prepare("what is")  # may or may not begin
    worker.prepare("what is the")
    happens(hand.begun["prepare what is the"])
    hand.let_go["prepare what is the"].set()
    waits_for(worker)
    done = [one for one in hand.did if one != "prepare what is"]
    assert done == ["prepare what", "prepare what stopped", "prepare what is the"]


def test_a_question_stops_what_is_prepared_and_drops_what_waits_to_be(hand: Hand, start: Start) -> None:
    hand.hold("prepare long", "question")
    worker = start(hand)
    worker.prepare("long")
    happens(hand.begun["prepare long"])
    events = worker.ask("question")
    happens(hand.begun["question"])
    worker.prepare("of later")
    hand.let_go["question"].set()
    assert text_of(events) == "Answer to question."
    hand.hold("another")
    another = worker.ask("another")
    happens(hand.begun["another"])
    worker.prepare("of before")
    worker.ask("last")
    hand.let_go["another"].set()
    list(another)
    waits_for(worker)
    assert hand.did[:4] == ["prepare long", "prepare long stopped", "question", "question over"]
    assert "prepare of before" not in hand.did


def test_what_cannot_be_prepared_is_left_to_the_question(hand: Hand, start: Start) -> None:
    worker = start(hand)
    hand.hold("prepare b")
    hand.fails["prepare a"] = ModelMissing("It is not here; pull it.")
    worker.prepare("a")
    until(lambda: "prepare a" in hand.did)
    worker.prepare("b")
    happens(hand.begun["prepare b"])
    assert text_of(worker.ask("c")) == "Answer to c."
    assert worker.take_note() == ""


def test_without_being_told_to_nothing_is_done_ahead(hand: Hand, start: Start) -> None:
    worker = start(hand, rest_s=0.0)
    for question in "abc":
        list(worker.ask(question))
    assert not {"load", "warming"} & {*hand.did}


def test_idle_work_loads_then_warms_to_the_end_and_begins_again_after_a_question_only(hand: Hand, start: Start) -> None:
    hand.hold("load")
    worker = start(hand, rest_s=0.0)
    worker.work_ahead()
    happens(hand.begun["load"])
    hand.let_go["load"].set()
    whole = ["load", "warming", "step 0", "step 1", "step 2", "all there"]
    until(lambda: len(hand.did) == len(whole))
    assert hand.did == whole
    hand.hold("question")
    events = worker.ask("question")
    happens(hand.begun["question"])
    assert hand.did == [*whole, "question"]  # it did not begin again by itself
    hand.steps = 0
    hand.let_go["question"].set()
    list(events)
    until(lambda: hand.did[-1] == "all there")
    assert hand.did == [*whole, "question", "question over", "load", "warming", "all there"]


def test_a_question_stops_idle_work_in_the_middle_of_a_step(hand: Hand, start: Start) -> None:
    hand.hold("step 1")
    worker = start(hand, rest_s=0.0)
    worker.work_ahead()
    happens(hand.begun["step 1"])
    assert text_of(worker.ask("question")) == "Answer to question."
    assert hand.did[:7] == ["load", "warming", "step 0", "step 1", "step 1 stopped", "question", "question over"]
    hand.let_go["step 1"].set()


def test_partial_input_stops_idle_work_too(hand: Hand, start: Start) -> None:
    hand.hold("step 0", "prepare what is")
    worker = start(hand, rest_s=0.0)
    worker.work_ahead()
    happens(hand.begun["step 0"])
    worker.prepare("what is")
    happens(hand.begun["prepare what is"])
    assert hand.did == ["load", "warming", "step 0", "step 0 stopped", "prepare what is"]


@pytest.mark.parametrize("work", ["load", "step 1", "prepare a"])
def test_a_bug_in_work_ahead_stops_it_says_so_once_and_takes_nothing_with_it(
    hand: Hand, start: Start, work: str
) -> None:
    hand.hold("question")
    hand.fails[work] = ZeroDivisionError("two\nlines")
    worker = start(hand, rest_s=0.0)
    if work == "prepare a":
        worker.prepare("a")
        until(lambda: work in hand.did)
    worker.work_ahead()
    notes: list[str] = []
    until(lambda: notes.append(worker.take_note()) or notes[-1])
    note = notes[-1]
    assert "ZeroDivisionError" in note
    assert note.endswith("`fieldmate doctor` may say more.")
    events = worker.ask("question")
    happens(hand.begun["question"])
    did = [*hand.did]
    hand.let_go["question"].set()
    assert text_of(events) == "Answer to question."
    worker.work_ahead()
    worker.prepare("b")
    waits_for(worker)
    assert hand.did == [*did, "question over"]
    assert worker.take_note() == ""


@pytest.mark.parametrize(
    ("work", "error"), [("load", ModelMissing("Pull it.")), ("step 0", UsageError("It keeps no states."))]
)
def test_idle_work_that_is_not_possible_is_no_bug_and_says_nothing(
    hand: Hand, start: Start, work: str, error: Exception
) -> None:
    hand.fails[work] = error
    worker = start(hand, rest_s=0.0)
    worker.work_ahead()
    until(lambda: work in hand.did)
    assert text_of(worker.ask("question")) == "Answer to question."
    worker.close()
    assert worker.take_note() == ""


# Closing


@pytest.mark.parametrize("work", ["question", "prepare a b", "step 1"])
def test_closing_ends_whatever_is_being_done(hand: Hand, work: str) -> None:
    hand.hold(work)
    worker = Worker(lambda: hand, rest_s=0.0)
    if work == "question":
        worker.ask("question")
    elif work == "step 1":
        worker.work_ahead()
    else:
        worker.prepare("a b")
    happens(hand.begun[work])
    worker.close()
    worker.close()
    assert [one for one in hand.did if one != "question over"][-3:] == [work, f"{work} stopped", "close"]


def test_closing_ends_the_questions_that_wait_and_takes_no_more(hand: Hand) -> None:
    hand.hold("running")
    worker = Worker(lambda: hand)
    running, waiting = worker.ask("running"), worker.ask("waiting")
    happens(hand.begun["running"])
    worker.close()
    assert text_of(running) == "Stopped."
    for late in (lambda: list(waiting), lambda: worker.ask("late"), lambda: worker.call(lambda _: None)):
        with pytest.raises(RuntimeError, match="closed"):
            late()
    worker.prepare("late")  # a guess: nobody minds
    assert "waiting" not in hand.did


def test_a_worker_that_has_done_nothing_opens_nothing() -> None:
    def opened() -> Assistant:
        raise AssertionError("opened")

    Worker(opened).close()


def test_a_failure_of_closing_does_not_leave_the_caller_waiting(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", said.append)
    hand.fails["close"] = ZeroDivisionError()
    with Worker(lambda: hand) as worker:
        list(worker.ask("a"))
    assert len(said) == 1


PROGRAM = """
import signal, sys, threading
from pathlib import Path
from assistant.worker import Worker
sys.path.insert(0, {repository!r})
from tests.unit.test_worker import Hand
hand = Hand()
hand.hold("long", "step 0")
worker = Worker(lambda: hand, rest_s=0.0)
def begun(work):
    hand.begun[work].wait()
    print(work, flush=True)
"""


def run_program(program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(repository=str(REPOSITORY)) + program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip


def test_a_program_that_forgets_to_close_it_ends_all_the_same() -> None:
    process = run_program("worker.ask('long')\nbegun('long')\n")
    assert process.communicate(timeout=PATIENCE_S) == ("long\n", "")
    assert process.returncode == 0


def test_ctrl_c_while_it_waits_cancels_the_question_and_the_worker_goes_on() -> None:
    process = run_program(
        "threading.Thread(target=begun, args=['long']).start()\n"
        "events = worker.ask('long')\n"
        "try:\n    list(events)\n"
        "except KeyboardInterrupt:\n    print(worker.call(lambda hand: hand.did), list(events))\n"
        "worker.close()\n"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "long\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE_S) == ("['long', 'long stopped', 'long over'] []\n", "")


def test_ctrl_c_while_it_closes_is_raised_when_the_thread_has_ended() -> None:
    process = run_program(
        "def stubborn(hand):\n"
        "    print('busy', flush=True)\n"
        "    sys.stdin.readline()\n"
        "threading.Thread(target=lambda: worker.call(stubborn)).start()\n"
        "sys.stdout.flush()\n"
        "import time\n"
        "while worker._running is None: time.sleep(0.01)\n"
        "def closing():\n"
        "    while not worker._closing: time.sleep(0.01)\n"
        "    print('closing', flush=True)\n"
        "threading.Thread(target=closing).start()\n"
        "try:\n    worker.close()\n"
        "except KeyboardInterrupt:\n    print('interrupted', worker._thread.is_alive(), hand.did)\n"
    )
    assert process.stdout is not None
    assert {process.stdout.readline(), process.stdout.readline()} == {"busy\n", "closing\n"}
    process.send_signal(signal.SIGINT)
    assert process.communicate("go on\n", timeout=PATIENCE_S) == ("interrupted False ['close']\n", "")


# The real facade and a real model


class Watched(LlamaGenerator):
    """A real generator whose prefill can be held: it tells that it reads, and goes on when it is let to."""

    def __init__(self) -> None:
        super().__init__(TINY_GENERATOR, "tiny", context_tokens=2048, decode_threads=1, prefill_threads=1)
        self.reads, self.let_go = threading.Event(), threading.Event()
        self.let_go.set()
        self.said: list[str] = []

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        cancelled: Cancelled = lambda: False,
    ) -> Iterator[Generated]:
        def asked() -> bool:
            self.reads.set()
            while not self.let_go.wait(0.005):
                if cancelled():
                    return True
            return cancelled()

        self.said.append("")
        for step in super().generate(prompt, max_tokens=max_tokens, temperature=temperature, cancelled=asked):
            self.said[-1] += step.text
            yield step


@pytest.fixture
def knowing(tiny_settings: Settings, tmp_path: Path) -> Callable[..., Assistant]:
    """Opens assistants that know the manual, with this generator."""
    manual = tmp_path / "pump.md"
    manual.write_text(MANUAL, "utf-8")
    with Assistant.open(tiny_settings) as adding:
        adding.add([manual])

    def opened(generator: object) -> Assistant:
        parts = Parts(tiny_settings)
        parts.generator = generator  # type: ignore[assignment]
        return Assistant(parts)

    return opened


def untimed(answer: Answer) -> Answer:
    return replace(answer, timings=Timings())


QUESTIONS = (
    "At what pressure in bar does the relief valve open?",
    "What does E07 mean?",
    "How often is the filter replaced?",
)


def answer_of(events: Iterator[AnswerEvent]) -> Answer:
    return next(event.answer for event in events if isinstance(event, AnswerDone))


def test_many_callers_at_once_get_each_the_answer_to_their_own_question(
    knowing: Callable[..., Assistant], start: Start
) -> None:
    with knowing(ScriptedGenerator("The relief valve opens at 8 bar.")) as direct:
        expected = {question: untimed(direct.answer(question)) for question in QUESTIONS}
    assert len({answer.text for answer in expected.values()}) > 1
    worker = start(lambda: knowing(ScriptedGenerator("The relief valve opens at 8 bar.")))
    with ThreadPoolExecutor(6) as pool:
        asked = [(question, pool.submit(lambda q: answer_of(worker.ask(q)), question)) for question in QUESTIONS * 4]
        for question, future in asked:
            assert untimed(future.result(PATIENCE_S)) == expected[question]


def test_sessions_are_kept_apart_and_preparing_is_not_remembered(
    knowing: Callable[..., Assistant], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = knowing(ScriptedGenerator("The relief valve opens at 8 bar."))
    worker = start(assistant)
    list(worker.ask(QUESTIONS[0], "one"))
    prepare, prepared = assistant.prepare, []

    def seen(question: str, session: str | None = None, **options: Any) -> None:
        prepare(question, session, **options)
        prepared.append((question, session))

    monkeypatch.setattr(assistant, "prepare", seen)
    for text in ("What about the", "", "  ", "\0", "What does E08 mean?"):
        for session in ("one", "two"):
            worker.prepare(text, session)
            until(lambda last=(text, session): prepared[-1:] == [last])
    history = worker.call(lambda _: [assistant._sessions.history(name) for name in ("one", "two")])
    assert [[turn.question for turn in turns] for turns in history] == [[QUESTIONS[0]], []]


def test_a_question_closed_half_way_is_not_remembered(knowing: Callable[..., Assistant], start: Start) -> None:
    generator = Watched()
    assistant = knowing(generator)
    worker = start(assistant)
    generator.let_go.clear()
    with worker.ask(QUESTIONS[0], "one") as events:
        assert isinstance(next(events), Retrieved)
        happens(generator.reads)
    assert worker.call(lambda _: assistant._sessions.history("one")) == ()
    generator.let_go.set()
    assert text_of(worker.ask(QUESTIONS[0], "one"))
    assert len(worker.call(lambda _: assistant._sessions.history("one"))) == 1


def test_a_question_cancelled_in_prefill_frees_the_engine_and_leaves_no_trace_in_the_next_answer(
    knowing: Callable[..., Assistant], start: Start
) -> None:
    fresh = Watched()
    with knowing(fresh) as alone:
        expected = untimed(alone.answer(QUESTIONS[0]))
    generator = Watched()
    worker = start(knowing(generator))
    generator.reads.clear()
    generator.let_go.clear()
    with worker.ask(QUESTIONS[1]) as cancelled:
        happens(generator.reads)  # from inside the library, for as long as we like
        waiting = worker.ask(QUESTIONS[0])
        cancelled.cancel()
        assert answer_of(cancelled).usage.completion_tokens == 0
    generator.let_go.set()
    assert untimed(answer_of(waiting)) == expected
    assert generator.said == ["", *fresh.said]
    assert fresh.said[0]


def test_a_question_cancelled_while_the_model_writes_does_not_mix_with_the_next(
    knowing: Callable[..., Assistant], start: Start
) -> None:
    fresh = Watched()
    with knowing(fresh) as alone:
        whole = untimed(alone.answer(QUESTIONS[1]))
        expected = untimed(alone.answer(QUESTIONS[0]))
    generator = Watched()
    worker = start(knowing(generator))
    with worker.ask(QUESTIONS[1]) as cancelled:
        next(cancelled)
        happens(generator.reads)
        cancelled.cancel()  # somewhere in prefill or decode: whichever, what follows is the same
        stopped = answer_of(cancelled)
    assert whole.usage.prompt_tokens == stopped.usage.prompt_tokens
    assert untimed(answer_of(worker.ask(QUESTIONS[0]))).text == expected.text
    assert fresh.said[0].startswith(generator.said[0])
    assert generator.said[1] == fresh.said[1]
