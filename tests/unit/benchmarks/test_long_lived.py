from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from assistant.settings import Settings
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.scenarios.long_lived import _LATER, Order, live, turned
from tests.artifacts.tiny import TINY_GENERATOR, own_generator


def test_the_tenth_question_of_one_process_is_the_first_of_the_next() -> None:
    questions = [str(number) for number in range(20)]
    for number in range(5):
        here, after = (turned(questions, (number + step) * _LATER) for step in (0, 1))
        assert here[_LATER] == after[0]
        assert sorted(here) == sorted(questions)


def order(settings: Settings, questions: list[str], wanted: int) -> Order:
    plan = Plan([sys.executable], str(settings.home / "scratch"), str(settings.models), [], "own")
    changed = {"generator.id": "own", "embedder.id": settings.embedder.id, "answering.wording": "generated",
               "answering.caution": "low", "generator.max_tokens": 4}  # fmt: skip
    return Order(plan, Variant("own", changed), str(settings.home), questions, wanted)


@pytest.fixture
def filled(tiny_settings: Settings, tmp_path: Path) -> Settings:
    from assistant import Assistant

    settings = own_generator(tiny_settings, TINY_GENERATOR.read_bytes())
    (tmp_path / "a.md").write_text("# Pump\n\nError E07: the pump runs dry.\n\n# Lamp\n\nThe fuse F3 is blown.\n")
    with Assistant.open(settings) as fieldmate:
        fieldmate.add([tmp_path / "a.md"])
    return settings


def test_a_process_says_what_it_asked_and_that_everything_was_loaded_before(filled: Settings) -> None:
    lived = live(msgspec.json.decode(msgspec.json.encode(order(filled, ["E07?", "E07?"], 2)), type=Order))
    assert [one.question for one in lived.asked] == ["E07?", "E07?"]
    assert lived.asked[0].prompt_tokens == lived.asked[1].prompt_tokens > 0
    assert all(one.first_token_ms > 0 for one in lived.asked)
    assert lived.load_s > 0


def test_too_few_questions_for_the_generator_are_an_error(filled: Settings) -> None:
    with pytest.raises(BenchmarkError, match="Only 1 of 2"):
        live(order(filled, ["E07?"], 2))
