"""The generator that owners get without choosing: the 0.5B, with its own threads, prompt and length."""

from __future__ import annotations

import pytest

from tests.e2e.machine import MODELS, Machine
from tests.e2e.test_newcomer import CARD_READER, NOT_IN_THERE, check_published, check_quotes

DEFAULT = "qwen2.5-coder-0.5b-instruct-q4_k_m"
pytestmark = pytest.mark.engine


@pytest.fixture
def plain(filled: Machine) -> Machine:
    """A machine on which nothing but the models folder is set."""
    if not (MODELS / DEFAULT / "manifest.json").exists():
        pytest.skip(f"{DEFAULT} is not in {MODELS}; run `fieldmate models pull` or set FIELDMATE_MODELS_DIR")
    kept = ("FIELDMATE_HOME", "FIELDMATE_MODELS_DIR")
    ours = {name: value for name, value in filled.environment().items() if not name.startswith("FIELDMATE_")}
    ours |= {name: filled.environment()[name] for name in kept}
    filled.environment = lambda: ours  # type: ignore[method-assign]
    return filled


def test_it_answers_with_a_source_and_abstains_without(plain: Machine) -> None:
    first, second = plain.done("ask", "--json", "--file", "-", said=f"{CARD_READER}\n{NOT_IN_THERE}\n").lines
    for answer in (first, second):
        check_published(answer)
    assert (first["status"], first["model"]) == ("answered", DEFAULT)
    assert first["citations"][0]["document"] == "coffee-kiosk/faults.html"
    check_quotes(plain, first)
    assert second["status"] == "abstained"


def test_on_a_terminal_without_a_word_from_its_engine(plain: Machine) -> None:
    over = plain.done("ask", CARD_READER)
    assert over.err == ""
    assert "[1] coffee-kiosk/faults.html" in over.out


def test_the_doctor_is_content_with_it(plain: Machine) -> None:
    examined = plain.done("doctor")
    assert DEFAULT in examined.out
    assert "problem" not in examined.out
