"""Claims about asking one question: which times are kept, which words are not, and what a slowed variant is."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from assistant.types import Answer, AnswerDone, Citation, CitationFound, Retrieved, TextDelta, Timings, Usage
from benchmarks.errors import BenchmarkError
from benchmarks.loadgen.asking import Answered, ask, digest
from benchmarks.loadgen.figures import per_token
from benchmarks.loadgen.null import NullAssistant

CITATION = Citation("pump.md", "Pump", "8.2 Codes", None, "SECRET quote", 10, 22, 0.9)
ANSWER = Answer(
    "SECRET question", "SECRET answer", "answered", "generated", 0.9, citations=(CITATION,),
    timings=Timings(5.0, 105.0, 405.0, 50.0, {"search": 4.0, "prefill": 90.0, "decode": 280.0}),
    usage=Usage(500, 60, 11), model="m",
)  # fmt: skip


class Clock:
    """Stands still but for sleeps and the work of `Scripted`."""

    def __init__(self):
        self.now = 100.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class Scripted:
    """Gives events at known times; its own reports include whatever passed while it waited, as the product's do."""

    def __init__(self, clock, answer=ANSWER):
        self.clock = clock
        self.answer = answer

    def ask(self, question):
        started = self.clock.now
        self.clock.now += 0.005
        yield Retrieved(())
        self.clock.now += 0.100
        first = (self.clock.now - started) * 1000
        self.clock.now += 0.200
        yield TextDelta("SECRET ")
        yield CitationFound(CITATION, 1)
        self.clock.now += 0.100
        yield TextDelta("answer")
        total = (self.clock.now - started) * 1000
        yield AnswerDone(replace(self.answer, timings=replace(self.answer.timings, first_token=first, total=total)))


def scripted(slow_down=0.0, said=lambda: None):
    clock = Clock()
    return ask(Scripted(clock), "SECRET question", slow_down, said, clock=clock, sleep=clock.sleep), clock


def test_times_run_from_the_question():
    answered, clock = scripted()
    assert answered.first_text == pytest.approx(305)
    assert answered.done == pytest.approx(405)
    assert answered.first_token == pytest.approx(105)
    assert (answered.total, answered.load) == pytest.approx((405, 50))
    assert answered.stages == pytest.approx({"search": 4.0, "prefill": 90.0, "decode": 280.0})
    assert per_token(answered) == pytest.approx(300 / 10)
    assert clock.slept == []


@pytest.mark.parametrize("share", [0.1, 0.5, 2.0])
def test_a_slowed_variant_is_slower_by_its_share_in_every_figure(share):
    plain, _ = scripted()
    slow, _ = scripted(share)
    factor = 1 + share
    for name in ("first_text", "done", "first_token", "total", "load"):
        assert getattr(slow, name) == pytest.approx(factor * getattr(plain, name)), name
    assert slow.stages == pytest.approx({name: factor * taken for name, taken in plain.stages.items()})
    assert per_token(slow) == pytest.approx(factor * per_token(plain))
    assert slow.digest == plain.digest


def test_the_first_text_is_told_once_and_at_its_time():
    said, clock = [], Clock()
    ask(Scripted(clock), "q", 0.0, lambda: said.append(clock.now), clock=clock, sleep=clock.sleep)
    assert said == pytest.approx([100.305])


def test_no_word_is_kept():
    answered, _ = scripted()
    assert b"SECRET" not in msgspec.json.encode(answered)
    assert b"pump.md" not in msgspec.json.encode(answered)


@pytest.mark.parametrize(
    "other",
    [replace(ANSWER, text="Another."), replace(ANSWER, citations=()), replace(ANSWER, mode="quoted"),
     replace(ANSWER, citations=(replace(CITATION, start=11),)), replace(ANSWER, status="abstained")],
)  # fmt: skip
def test_answers_that_look_different_have_another_digest(other):
    assert digest(other) != digest(ANSWER)


def test_answers_that_took_longer_have_the_same_digest():
    assert digest(replace(ANSWER, timings=Timings(total=1e6), usage=Usage(1, 1, 1), confidence=0.1)) == digest(ANSWER)


def test_an_answer_without_a_generator_has_no_first_token():
    done = Answer("q", "No.", "abstained", "quoted", 0.5, timings=Timings(1.0, None, 2.0))
    fake = type(
        "Abstains", (), {"ask": lambda self, question: iter([Retrieved(()), TextDelta("No."), AnswerDone(done)])}
    )
    answered = ask(fake(), "q", 0.5, clock=(clock := Clock()), sleep=clock.sleep)
    assert answered.first_token is None
    assert per_token(answered) is None
    assert answered.outcome == "abstained"


def test_an_answer_of_one_token_has_no_time_per_token():
    answered, _ = scripted()
    assert per_token(msgspec.structs.replace(answered, completion_tokens=1)) is None
    assert per_token(msgspec.structs.replace(answered, completion_tokens=2)) == pytest.approx(300)


def test_events_without_an_end_are_a_fault_that_is_told():
    fake = type("Silent", (), {"ask": lambda self, question: iter([Retrieved(())])})
    with pytest.raises(BenchmarkError, match="ended without AnswerDone"):
        ask(fake(), "q")


def test_what_is_kept_survives_the_pipe():
    answered, _ = scripted()
    assert msgspec.json.decode(msgspec.json.encode(answered), type=Answered) == answered


def test_the_null_assistant_works_as_long_as_it_is_told():
    assert ask(NullAssistant(3.0), "q").done >= 3.0
    assert ask(NullAssistant(), "q").citations == 0
