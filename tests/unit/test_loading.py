from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from assistant.assistant import Assistant
from assistant.engines.llama import LlamaGenerator
from assistant.engines.llama_context import LlamaContext
from assistant.errors import ModelDamaged, ModelMissing, StorageError
from assistant.loading import Ahead
from assistant.settings import AnsweringSettings, GeneratorSettings, Settings
from assistant.types import AnswerDone
from assistant.wiring import Parts
from tests.artifacts.tiny import TINY_GENERATOR, own_generator


class Thing:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.wiring.cores", lambda: 2)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture
def filled(tiny_settings: Settings, tmp_path: Path) -> Settings:
    """A knowledge base of one manual, and a real generator of two layers."""
    settings = own_generator(tiny_settings, TINY_GENERATOR.read_bytes())
    (tmp_path / "a.md").write_text("# Pump\n\nError E07: the pump runs dry.\n")
    with Assistant.open(settings) as assistant:
        assistant.add([tmp_path / "a.md"])
    return settings


def opened(settings: Settings) -> Assistant:
    """An assistant that answers with the generator, however weak the evidence."""
    return Assistant(Parts(settings, cautious=False))


def damaged(settings: Settings) -> None:
    file = settings.models / "own" / "model.gguf"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_the_result_is_taken_once_and_is_then_the_takers() -> None:
    thing = Thing()
    ahead = Ahead(lambda: thing)
    assert ahead.result() is thing
    ahead.close()
    assert thing.closed == 0


def test_what_nobody_took_is_closed_once() -> None:
    thing = Thing()
    ahead = Ahead(lambda: thing)
    ahead.close()
    ahead.close()
    assert thing.closed == 1


def test_what_goes_wrong_is_raised_where_the_result_is_asked_for_and_not_before() -> None:
    def fail() -> Thing:
        raise ModelDamaged("It is damaged; pull it again.")

    ahead = Ahead(fail)
    ahead.close()
    with pytest.raises(ModelDamaged, match="pull it again"):
        ahead.result()


def test_an_interruption_while_waiting_leaves_nothing_open() -> None:
    thing, waiting = Thing(), threading.Event()

    def slow() -> Thing:
        waiting.wait(60)
        return thing

    def interrupted(number: int, frame: object) -> None:
        waiting.set()
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, interrupted)
    try:
        ahead = Ahead(slow)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            ahead.result()
    finally:
        signal.signal(signal.SIGALRM, former)
    assert thing.closed == 1


def test_a_question_is_answered_alike_whether_the_generator_was_loaded_ahead_or_not(filled: Settings) -> None:
    texts = []
    for begin in (False, True):
        with opened(filled) as assistant:
            assistant.clear_states()
            if begin:
                assistant.begin_loading()
            done = [event for event in assistant.ask("What does E07 mean?") if isinstance(event, AnswerDone)]
            texts.append((done[0].answer.text, done[0].answer.usage))
    assert texts[0] == texts[1]
    assert texts[0][1].prompt_tokens > 0


def test_begun_twice_it_is_loaded_once(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    load = LlamaContext._load
    monkeypatch.setattr(LlamaContext, "_load", lambda *args: (made.append(""), load(*args))[1])
    parts = Parts(filled)
    parts.load_ahead()
    parts.load_ahead()
    assert parts.generator is parts.generator
    parts.load_ahead()
    parts.close()
    assert len(made) == 1


def test_a_damaged_generator_is_the_same_error_as_without_loading_ahead(filled: Settings) -> None:
    damaged(filled)
    said = []
    for begin in (False, True):
        with opened(filled) as assistant:
            assistant.clear_states()
            if begin:
                assistant.begin_loading()
            with pytest.raises(ModelDamaged) as raised:
                assistant.answer("What does E07 mean?")
            said.append(str(raised.value))
    assert said[0] == said[1]


def test_after_a_failed_load_the_next_question_tries_again(filled: Settings) -> None:
    good = (filled.models / "own" / "model.gguf").read_bytes()
    damaged(filled)
    with opened(filled) as assistant:
        assistant.begin_loading()
        with pytest.raises(ModelDamaged):
            assistant.answer("What does E07 mean?")
        (filled.models / "own" / "model.gguf").write_bytes(good)
        assert assistant.answer("What does E07 mean?").usage.prompt_tokens > 0


def test_a_damaged_generator_does_not_matter_to_who_asks_nothing(filled: Settings) -> None:
    damaged(filled)
    with opened(filled) as assistant:
        assistant.begin_loading()
        assert assistant.search("E07")


@pytest.mark.parametrize("why", ["quoted", "one core", "no knowledge base"])
def test_what_no_question_can_use_or_no_core_is_free_for_is_not_begun(
    filled: Settings, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "quoted":
        filled = msgspec.structs.replace(filled, answering=AnsweringSettings(wording="quoted"))
    elif why == "one core":
        monkeypatch.setattr("assistant.wiring.cores", lambda: 1)
    else:
        filled.database.unlink()
    monkeypatch.setattr("assistant.wiring.Ahead", lambda make: pytest.fail("a thread was begun"))
    parts = Parts(filled)
    parts.load_ahead()
    assert not {"_ahead", "generator"} & parts.__dict__.keys()
    parts.close()


@pytest.mark.parametrize(("question", "begun"), [("How do I reset it?", False), ("Which fuse?", True), ("", True)])
def test_a_question_that_the_documents_answer_begins_nothing(
    filled: Settings, monkeypatch: pytest.MonkeyPatch, question: str, begun: bool
) -> None:
    made: list[object] = []
    monkeypatch.setattr("assistant.wiring.Ahead", made.append)
    mixed = msgspec.structs.replace(filled, answering=AnsweringSettings(wording="mixed"))
    Parts(mixed).load_ahead(question)
    assert bool(made) == begun


def test_closed_while_loading_it_waits_for_the_thread(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    close = LlamaGenerator.close
    monkeypatch.setattr(LlamaGenerator, "close", lambda self: (closed.append(""), close(self))[1])
    with opened(filled) as assistant:
        assistant.begin_loading()
    assert closed


def test_loaded_the_first_question_loads_nothing(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(filled) as assistant:
        assistant.load()
        for target in ("assistant.wiring._engine", "assistant.engines.llama_context.LlamaContext._load"):
            monkeypatch.setattr(target, lambda *args: pytest.fail("something was loaded"))
        first = assistant.answer("What does E07 mean?")
        tenth = assistant.answer("What does E07 mean?")
    assert first.usage.reused_tokens == tenth.usage.reused_tokens > 0
    assert first.text == tenth.text


def test_loading_without_a_knowledge_base_says_how_to_make_one(tiny_settings: Settings) -> None:
    with Assistant.open(tiny_settings) as assistant, pytest.raises(StorageError, match="add documents"):
        assistant.load()


def test_loading_without_a_generator_that_is_needed_names_the_command(filled: Settings) -> None:
    absent = msgspec.structs.replace(filled, generator=GeneratorSettings(id="smollm2-135m-instruct"))
    with opened(absent) as assistant, pytest.raises(ModelMissing, match="models pull smollm2-135m-instruct"):
        assistant.load()


def test_loading_for_quotations_needs_no_generator(filled: Settings) -> None:
    damaged(filled)
    quoted = msgspec.structs.replace(filled, answering=AnsweringSettings(caution="low", wording="quoted"))
    with opened(quoted) as assistant:
        assistant.load()
        assert assistant.answer("What does E07 mean?").mode == "quoted"
