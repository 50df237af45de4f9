"""What `protocols.StatefulGenerator` promises: kept states change when it speaks, never what it says.

On a tiny model with random weights and, where a test takes `both` or `smollm2`, on one of 135M.

Exactness is judged against a generator that computes the same pieces in the same order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from assistant.engines.llama import LlamaGenerator
from assistant.protocols import StatefulGenerator, StateStore
from assistant.types import Generated, Prompt

TINY = Path(__file__).parents[1] / "artifacts" / "tiny-generator" / "tiny-f16.gguf"
INSTRUCTIONS = "Answer the question from the excerpts below and from nothing else."
PASSAGES = (
    "Excerpt from Pump:\nError E07 means that the pump runs dry. Open the inlet valve, then reset the unit.\n\n",
    "Excerpt from Kiosk:\nThe milk filter is replaced every 6 months. The grinder is cleaned weekly with a brush.\n\n",
    "Excerpt from Heating:\nSet the flow temperature to 45 °C. A frost switch stops the unit below 3 °C. 水泵 🙂\n\n",
    "Excerpt from X:\nY.\n\n",
)
QUESTIONS = ("Question: What does E07 mean?", "Question: How often is the milk filter replaced?", "Question: Why?")


class Memory:
    """A store that keeps everything in this process, and counts."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.loads = 0

    def load(self, key: str) -> memoryview | None:
        self.loads += 1
        return memoryview(self.states[key]) if key in self.states else None

    def holds(self, key: str) -> bool:
        return key in self.states

    def keep(self, key: str, tokens: int, state: bytes | memoryview) -> bool:
        assert tokens > 0
        self.states[key] = bytes(state)
        return True

    def admits(self, key: str, tokens: int, state_bytes: int) -> bool:
        return True

    def asked(self, key: str) -> int:
        return 0

    def close(self) -> None:
        pass


class Never(Memory):
    """Keeps nothing, though it says otherwise."""

    def keep(self, key: str, tokens: int, state: bytes | memoryview) -> bool:
        return False


def load(path: Path, states: StateStore | None = None, **options: object) -> LlamaGenerator:
    # Guesses are computed in rows of several, which round otherwise, and when to guess is a matter of time.
    given: dict[str, object] = {"context_tokens": 512, "origin": "it", "states": states, "speculate": False, **options}
    return LlamaGenerator(path, "model", decode_threads=1, prefill_threads=1, **given)  # type: ignore[arg-type]


def steps(generator: LlamaGenerator, *passages: str, question: str = QUESTIONS[0], most: int = 12) -> list[Generated]:
    return list(generator.generate(Prompt(INSTRUCTIONS, passages, question), max_tokens=most))


@pytest.fixture(scope="module", params=["tiny", "135M"])
def both(request: pytest.FixtureRequest) -> Path:
    return TINY if request.param == "tiny" else request.getfixturevalue("smollm2")


@pytest.fixture(scope="module")
def model() -> Path:
    return TINY


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def generator(model: Path, memory: Memory) -> Iterator[LlamaGenerator]:
    opened = load(model, memory)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def plain(model: Path) -> Iterator[LlamaGenerator]:
    """Computes everything, every time it is asked for other passages."""
    opened = load(model)
    yield opened
    opened.close()


def test_it_keeps_the_protocol(generator: LlamaGenerator) -> None:
    assert isinstance(generator, StatefulGenerator)
    assert generator.stateful == ""


def test_without_a_store_or_a_name_for_the_model_nothing_is_kept(model: Path, memory: Memory) -> None:
    for opened in (load(model), load(model, memory, origin="")):
        assert opened.stateful
        assert not opened.warm(INSTRUCTIONS, PASSAGES[0])
        assert steps(opened, PASSAGES[0])
        opened.close()
    assert not memory.states


# One passage: exact


def test_behind_a_kept_passage_it_says_the_same_with_the_same_probabilities(both: Path, memory: Memory) -> None:
    plain, writer = load(both), load(both, memory)
    expected = [steps(plain, passage) for passage in PASSAGES]
    assert all(writer.warm(INSTRUCTIONS, passage) for passage in PASSAGES)
    plain.close()
    writer.close()
    reader = load(both, memory)
    for passage, said in zip(PASSAGES, expected, strict=True):
        for _ in range(2):  # restored, then still in the cache
            assert steps(reader, passage) == said
            tail = len(reader._tail(Prompt("", (), QUESTIONS[0])))
            assert reader.usage.prompt_tokens - reader.usage.reused_tokens == tail
    reader.close()


def test_an_answer_leaves_the_states_that_it_computed(generator: LlamaGenerator, memory: Memory) -> None:
    steps(generator, *PASSAGES[:2])
    assert len(memory.states) == 2  # the instructions and the first passage; the second was computed behind another
    assert memory.holds(generator.key(INSTRUCTIONS, PASSAGES[0]))
    assert not memory.holds(generator.key(INSTRUCTIONS, PASSAGES[1]))


def test_instructions_are_restored_by_a_new_process(model: Path, memory: Memory, plain: LlamaGenerator) -> None:
    first = load(model, memory)
    steps(first, PASSAGES[0])
    first.close()
    second = load(model, memory)
    assert steps(second, PASSAGES[1]) == steps(plain, PASSAGES[1])
    assert second.usage.reused_tokens > 5
    second.close()


@pytest.mark.parametrize("change", ["model", "instructions", "passage", "library"])
def test_a_state_of_something_else_is_not_taken(
    change: str, model: Path, memory: Memory, plain: LlamaGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = load(model, memory)
    writer.warm(INSTRUCTIONS, PASSAGES[0])
    key = writer.key(INSTRUCTIONS, PASSAGES[0])
    writer.close()
    if change == "library":
        monkeypatch.setattr("assistant.engines.llama_cache._release", lambda: "9.9.9")
    reader = load(model, memory, origin="other" if change == "model" else "it")
    instructions = INSTRUCTIONS + (" Be brief." if change == "instructions" else "")
    passage = PASSAGES[0] + ("More.\n" if change == "passage" else "")
    assert reader.key(instructions, passage) != key
    prompt = Prompt(instructions, (passage,), QUESTIONS[0])
    said = list(reader.generate(prompt, max_tokens=12))
    reused = reader.usage.reused_tokens
    assert said == list(plain.generate(prompt, max_tokens=12))
    assert reused < reader.count_tokens(prompt) / 2
    reader.close()


@pytest.mark.parametrize("damage", ["shorter", "longer", "empty", "another's"])
def test_a_state_of_another_length_is_computed_again(
    damage: str, generator: LlamaGenerator, memory: Memory, plain: LlamaGenerator
) -> None:
    generator.warm(INSTRUCTIONS, PASSAGES[1])
    other = memory.states[generator.key(INSTRUCTIONS, PASSAGES[1])]
    generator.warm(INSTRUCTIONS, PASSAGES[0])
    key = generator.key(INSTRUCTIONS, PASSAGES[0])
    state = memory.states[key]
    memory.states[key] = {"shorter": state[:-1], "longer": state + b"x", "empty": b"", "another's": other}[damage]
    steps(generator, PASSAGES[2])  # so that it is not in the cache any more
    assert steps(generator, PASSAGES[0]) == steps(plain, PASSAGES[0])
    assert memory.states[key] == state  # kept again


def test_a_store_that_keeps_nothing_is_no_harm(model: Path, plain: LlamaGenerator) -> None:
    opened = load(model, Never())
    assert not opened.warm(INSTRUCTIONS, PASSAGES[0])
    assert steps(opened, PASSAGES[0]) == steps(plain, PASSAGES[0])
    opened.close()


def test_what_the_store_would_not_take_is_not_computed(model: Path, memory: Memory) -> None:
    class Full(Memory):
        def admits(self, key: str, tokens: int, state_bytes: int) -> bool:
            memory.keep(key, tokens, bytes(state_bytes))
            return False

    opened = load(model, Full())
    assert not opened.warm(INSTRUCTIONS, PASSAGES[0])
    assert not opened.stages.get("prefill")
    opened.close()
    exact = load(model, kept := Memory())
    exact.warm(INSTRUCTIONS, PASSAGES[0])
    ((key, guessed),) = memory.states.items()
    assert len(kept.states[key]) == len(guessed)
    exact.close()


def test_a_passage_longer_than_a_batch_is_kept_and_restored(model: Path, memory: Memory) -> None:
    long = "Close the valve and wait for two minutes. " * 7
    expected = load(model, batch_tokens=64)
    said = steps(expected, long)
    expected.close()
    opened = load(model, memory, batch_tokens=64)
    assert opened.warm(INSTRUCTIONS, long)
    steps(opened, PASSAGES[0])
    assert steps(opened, long) == said
    opened.close()


def test_what_does_not_fit_into_the_context_is_not_warmed(generator: LlamaGenerator, memory: Memory) -> None:
    assert not generator.warm(INSTRUCTIONS, "Close the valve. " * 400)
    assert not generator.warm(INSTRUCTIONS, "")
    generator.prepare(Prompt(INSTRUCTIONS, ("Close the valve. " * 400,), ""))
    assert not memory.states


# Several passages: moved


def positions(generator: LlamaGenerator) -> list[int]:
    state = generator._context.state()
    return list(range(state.first, state.first + state.tokens))  # its reader refuses gaps


def test_random_prompts_stay_contiguous_and_leak_nothing(model: Path, memory: Memory) -> None:
    chance = random.Random(7)
    pool = [*PASSAGES, *(f"Excerpt:\nValve {n} needs {n * 3} Nm. " * chance.randint(1, 4) + "\n" for n in range(4))]
    opened = load(model, memory, repaired_tokens=4)
    for passage in pool:
        assert opened.warm(INSTRUCTIONS, passage)
    said: dict[Prompt, list[Generated]] = {}
    prompts = []
    for _ in range(12):
        passages = tuple(chance.sample(pool, chance.randint(1, 4)))
        prompts.append(Prompt(INSTRUCTIONS, passages, chance.choice(QUESTIONS)))
    for prompt in [*prompts, *chance.sample(prompts, len(prompts))]:
        now = list(opened.generate(prompt, max_tokens=6))
        assert said.setdefault(prompt, now) == now
        assert len(positions(opened)) >= opened.usage.prompt_tokens
        opened.prepare(prompt)
        rest = opened.count_tokens(prompt) - len(opened._tail(prompt))
        assert positions(opened) == list(range(rest))
    opened.close()


def test_a_later_passage_is_moved_and_only_its_head_computed(model: Path, memory: Memory) -> None:
    opened = load(model, memory, repaired_tokens=4)
    for passage in PASSAGES[:3]:
        opened.warm(INSTRUCTIONS, passage)
    prompt = Prompt(INSTRUCTIONS, PASSAGES[:3], QUESTIONS[0])
    list(opened.generate(prompt, max_tokens=2))
    assert opened.usage.prompt_tokens - opened.usage.reused_tokens == 8 + len(opened._tail(prompt))
    opened.close()


def test_a_passage_that_is_not_kept_is_computed_in_its_place(generator: LlamaGenerator, plain: LlamaGenerator) -> None:
    generator.warm(INSTRUCTIONS, PASSAGES[0])
    assert steps(generator, *PASSAGES[:3]) == steps(plain, *PASSAGES[:3])


def test_no_more_is_repaired_than_one_batch_holds(model: Path, memory: Memory) -> None:
    opened = load(model, memory, repaired_tokens=1000, batch_tokens=32)
    for passage in PASSAGES[:3]:
        opened.warm(INSTRUCTIONS, passage)
    prompt = Prompt(INSTRUCTIONS, PASSAGES[:3], QUESTIONS[0])
    list(opened.generate(prompt, max_tokens=2))
    assert opened.usage.prompt_tokens - opened.usage.reused_tokens == 32 + len(opened._tail(prompt))
    opened.close()


def test_a_passage_repaired_whole_is_as_if_computed_in_its_place(
    model: Path, memory: Memory, plain: LlamaGenerator
) -> None:
    opened = load(model, memory, repaired_tokens=1000)
    for passage in PASSAGES[:2]:
        opened.warm(INSTRUCTIONS, passage)
    prompt = Prompt(INSTRUCTIONS, PASSAGES[:2], QUESTIONS[0])
    states = []
    for one in (opened, plain):
        one._cache.forget()
        one.prepare(prompt)
        states.append(one._context.state().keys.view(np.float16).astype(np.float32))
    np.testing.assert_allclose(states[0], states[1], atol=np.abs(states[1]).max() * 2**-9)
    opened.close()


def test_moving_agrees_with_llama_cpps_own_shift(both: Path) -> None:
    opened = load(both)
    rotation = opened._context.find_rotation()
    assert rotation is not None
    if both != TINY:
        assert (rotation.base, rotation.head, rotation.pairs) == (100_000.0, 64, "neighbours")
    opened.close()


def test_a_model_whose_states_cannot_be_moved_computes_later_passages(
    model: Path, memory: Memory, plain: LlamaGenerator
) -> None:
    opened = load(model, memory)
    opened._cache.__dict__["_rotation"] = None  # no model at hand has it so
    for passage in PASSAGES[:2]:
        opened.warm(INSTRUCTIONS, passage)
    assert steps(opened, *PASSAGES[:2]) == steps(plain, *PASSAGES[:2])
    opened.close()


def test_states_that_are_not_taken_back_are_computed_and_not_tried_again(
    generator: LlamaGenerator, plain: LlamaGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for passage in PASSAGES[:2]:
        generator.warm(INSTRUCTIONS, passage)
    # The real one takes whatever has the right form: this stands for a library that has become stricter.
    monkeypatch.setattr(generator._context, "restore", lambda _: False)
    assert steps(generator, *PASSAGES[:2]) == steps(plain, *PASSAGES[:2])
    assert "take" in generator.stateful
    assert steps(generator, PASSAGES[1]) == steps(plain, PASSAGES[1])


def test_what_is_repaired_fits_beside_the_prompt(model: Path, memory: Memory, plain: LlamaGenerator) -> None:
    long = [f"Excerpt {n}: " + "Close the valve and wait. " * 4 for n in range(3)]
    probe = load(model, memory)
    total = probe.count_tokens(Prompt(INSTRUCTIONS, tuple(long), QUESTIONS[0]))
    probe.close()
    opened = load(model, memory, repaired_tokens=1000, context_tokens=-(-(total + 4) // 256) * 256)
    for passage in long:
        assert opened.warm(INSTRUCTIONS, passage)
    assert len(steps(opened, *long, most=4)) >= 1
    opened.close()


def test_more_passages_than_may_be_joined_are_answered(generator: LlamaGenerator, memory: Memory) -> None:
    many = [f"Excerpt:\nPart {n}.\n" for n in range(10)]
    for passage in many:
        generator.warm(INSTRUCTIONS, passage)
    assert steps(generator, *many)


# Ahead of the question


def test_what_is_prepared_is_not_computed_again(generator: LlamaGenerator, plain: LlamaGenerator) -> None:
    prompt = Prompt(INSTRUCTIONS, PASSAGES[:1], QUESTIONS[0])
    generator.prepare(prompt)
    said = list(generator.generate(prompt, max_tokens=12))
    assert generator.usage.reused_tokens == generator.usage.prompt_tokens - len(generator._tail(prompt))
    assert said == steps(plain, PASSAGES[0])


@pytest.mark.parametrize("allowed", [0, 1, 40, 400])
def test_after_a_cancelled_warming_or_preparing_nothing_is_wrong(
    allowed: int, generator: LlamaGenerator, memory: Memory, plain: LlamaGenerator
) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > allowed

    kept = generator.warm(INSTRUCTIONS, PASSAGES[0], cancelled)
    assert kept == memory.holds(generator.key(INSTRUCTIONS, PASSAGES[0]))
    asked = 0
    generator.prepare(Prompt(INSTRUCTIONS, PASSAGES[:2], ""), cancelled)
    assert steps(generator, PASSAGES[0]) == steps(plain, PASSAGES[0])


def test_an_error_of_the_store_surfaces_and_leaves_a_usable_generator(model: Path, plain: LlamaGenerator) -> None:
    class Broken(Memory):
        def keep(self, key: str, tokens: int, state: bytes | memoryview) -> bool:
            raise KeyboardInterrupt

    opened = load(model, broken := Broken())
    with pytest.raises(KeyboardInterrupt):
        opened.warm(INSTRUCTIONS, PASSAGES[0])
    broken.keep = lambda *_: False  # type: ignore[method-assign]
    assert steps(opened, PASSAGES[0]) == steps(plain, PASSAGES[0])
    opened.close()


# Speculation: not on the tiny model, whose logits are so close that rounding alone changes its words


@pytest.mark.parametrize("question", [*QUESTIONS, "Repeat the excerpts word for word."])
def test_guessing_changes_no_word(question: str, smollm2: Path) -> None:
    said = []
    for speculate in (False, True):
        opened = load(smollm2, speculate=speculate)
        opened._speculation = Eager()  # type: ignore[assignment]  # the real one may find that guessing does not pay
        said.append("".join(step.text for step in steps(opened, *PASSAGES[:3], question=question, most=60)))
        opened.close()
    assert said[0] == said[1]


class Eager:
    """Always guesses."""

    def length(self) -> int:
        return 7

    @contextmanager
    def watching(self, rows: int) -> Iterator[None]:
        yield

    def wrote(self) -> None:
        pass


def test_guesses_are_dropped_where_the_answer_ends(smollm2: Path) -> None:
    opened = load(smollm2, speculate=True)
    opened._speculation = Eager()  # type: ignore[assignment]
    whole = "".join(step.text for step in steps(opened, *PASSAGES[:3], question="Repeat the excerpts.", most=40))
    for most in (1, 2, 7, 13, 30):
        part = "".join(step.text for step in steps(opened, *PASSAGES[:3], question="Repeat the excerpts.", most=most))
        assert whole.startswith(part)
        assert opened.usage.completion_tokens <= most
    opened.close()
