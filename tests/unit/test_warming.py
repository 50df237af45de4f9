"""States of passages through the facade, with a tiny real generator: filled, used, damaged, cleared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from assistant import Assistant, Settings
from assistant.answering.prompt import render
from assistant.errors import ModelMissing, UsageError
from assistant.health import examine
from assistant.protocols import StatefulGenerator
from assistant.settings import GeneratorSettings, StatesSettings
from assistant.types import Answer, Scope
from assistant.wiring import Parts
from tests.artifacts.tiny import TINY_GENERATOR, own_generator

MANUAL = """# Pump unit

## Relief valve

The relief valve opens at 8 bar and closes at 6 bar. It protects the housing.

## Filter

The milk filter keeps lime out of the pump. It is replaced every 6 months.

## Motor

The motor stops at 90 °C, and starts again by itself below 60 °C.
"""
QUESTION = "Explain how the relief valve works."


@pytest.fixture
def settings(tiny_settings: Settings) -> Settings:
    """Settings of a knowledge base with three passages, whose generator words explanations as well as it can."""
    made = own_generator(tiny_settings, TINY_GENERATOR.read_bytes())
    made = msgspec.structs.replace(made, generator=GeneratorSettings(id="own", max_tokens=8))
    (made.home / "manual").mkdir()
    (made.home / "manual" / "pump.md").write_text(MANUAL, "utf-8")
    with Assistant.open(made) as assistant:
        assistant.add([made.home / "manual"])
    return made


def opened(settings: Settings) -> Assistant:
    """Asks the generator, however weak the evidence."""
    return Assistant(Parts(settings, cautious=False))


def files(settings: Settings) -> list[Path]:
    return sorted(path for path in settings.passage_states.rglob("*") if path.is_file() and path.stat().st_size > 5_000
                  and "index" not in path.name)  # fmt: skip


def warmed(settings: Settings, **more: object) -> list[tuple[int, int, int]]:
    with opened(settings) as assistant:
        return [(step.done, step.kept, step.there) for step in assistant.warming(**more)]  # type: ignore[arg-type]


def answered(settings: Settings) -> Answer:
    with opened(settings) as assistant:
        return assistant.answer(QUESTION)


def test_each_passage_gets_a_state_once(settings: Settings) -> None:
    assert warmed(settings) == [(1, 1, 0), (2, 2, 0), (3, 3, 0)]
    assert warmed(settings) == [(1, 0, 1), (2, 0, 2), (3, 0, 3)]
    with opened(settings) as assistant:
        usage = assistant.states()
    assert usage is not None
    assert usage.count == 4  # the instructions, too
    assert 0 < usage.bytes < usage.budget_bytes


def test_a_kept_state_is_used_and_changes_nothing(settings: Settings) -> None:
    without = msgspec.structs.replace(settings, states=StatesSettings(budget_mb=0))
    expected = answered(without)
    warmed(settings)
    answer = answered(settings)
    assert answer.text == expected.text
    assert answer.citations == expected.citations
    assert expected.usage.reused_tokens == 0
    assert answer.usage.reused_tokens > answer.usage.prompt_tokens / 2
    assert answer.timings.stages["restore"] > 0


def test_an_answer_leaves_a_state_for_the_next_process(settings: Settings) -> None:
    first, second = answered(settings), answered(settings)
    assert first.usage.reused_tokens < second.usage.reused_tokens
    assert first.text == second.text


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "gone"])
def test_damaged_states_are_computed_again_and_the_doctor_counts_them(damage: str, settings: Settings) -> None:
    expected = answered(settings)
    warmed(settings)
    kept = files(settings)
    assert len(kept) == 4
    for path in kept:
        data = path.read_bytes()
        if damage == "gone":
            path.unlink()
            continue
        flipped = data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]
        path.write_bytes({"flipped": flipped, "cut": data[:-1], "empty": b""}[damage])
    answer = answered(settings)
    assert answer.text == expected.text
    assert answer.usage.reused_tokens == 0
    said = [finding for finding in examine(settings) if finding.subject == "passage states"]
    assert said
    if damage != "gone":
        assert any(finding.state == "note" for finding in said)


def test_what_was_asked_for_most_comes_first_and_then_the_newest(settings: Settings) -> None:
    with opened(settings) as assistant:
        parts = assistant._parts
        generator, store = parts.generator, parts.states
        assert isinstance(generator, StatefulGenerator)
        assert store is not None
        passages = parts.store(create=False).passage(parts.store(create=False).passage_ids())
        keys = {id: generator.key(parts.answerer.passages_behind, render(one)) for id, one in passages.items()}
        asked = sorted(keys)[1]
        assert store.load(keys[asked]) is None  # a question that found nothing
        order = []
        for _ in assistant.warming():
            order += [id for id in keys if store.holds(keys[id]) and id not in order]
    assert order == [asked, *sorted(keys.keys() - {asked}, reverse=True)]


def test_only_the_documents_in_scope_are_looked_at(settings: Settings) -> None:
    (settings.home / "manual" / "new.md").write_text("# Kiosk\n\nThe kiosk is switched on at the back.\n", "utf-8")
    with opened(settings) as assistant:
        assistant.add([settings.home / "manual"])
        steps = list(assistant.warming(scope=Scope(documents=("new.md",))))
    assert [(step.done, step.total, step.kept) for step in steps] == [(1, 1, 1)]


@pytest.mark.parametrize("allowed", [0, 3, 30])
def test_cancelled_it_ends_and_can_go_on(allowed: int, settings: Settings) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > allowed

    before = warmed(settings, cancelled=cancelled)
    assert len(before) < 3
    assert warmed(settings)[-1][0] == 3


def test_a_full_store_ends_it(settings: Settings) -> None:
    small = msgspec.structs.replace(settings, states=StatesSettings(budget_mb=1))
    with opened(small) as assistant:
        store = assistant._parts.states
        assert store is not None
        for number in range(4):
            assert store.keep(f"{number:064x}", 10_000, bytes(245_000))
            for _ in range(4):
                store.load(f"{number:064x}")
        steps = list(assistant.warming())
    assert steps[-1].full
    assert steps[-1].done < steps[-1].total


def test_where_no_whole_passage_is_read_there_is_nothing_to_do(settings: Settings) -> None:
    for wording in ("mixed", "quoted"):
        changed = msgspec.structs.replace(
            settings, answering=msgspec.structs.replace(settings.answering, wording=wording)
        )
        assert warmed(changed) == []
        assert answered(changed).status in ("answered", "abstained")


def test_without_room_it_says_what_to_set(settings: Settings) -> None:
    without = msgspec.structs.replace(settings, states=StatesSettings(budget_mb=0))
    with pytest.raises(UsageError, match=r"states\.budget_mb"):
        warmed(without)
    assert [finding.state for finding in examine(without) if finding.subject == "passage states"] == ["note"]
    with opened(without) as assistant:
        assert assistant.states() is None
        assert assistant.clear_states() is None


def test_a_missing_generator_is_told(settings: Settings) -> None:
    missing = msgspec.structs.replace(settings, generator=GeneratorSettings(id="smollm2-360m-instruct-q8_0"))
    with pytest.raises(ModelMissing):
        warmed(missing)


def test_a_folder_that_cannot_be_written_is_no_harm(settings: Settings) -> None:
    settings.passage_states.parent.mkdir(exist_ok=True)
    settings.passage_states.write_bytes(b"a file where the folder should be")
    first, second = answered(settings), answered(settings)
    assert first.text == second.text
    assert second.usage.reused_tokens == 0


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    assert not [path for path in tmp_path.rglob("*.tmp") if path.is_file()]
