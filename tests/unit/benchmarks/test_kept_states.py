"""Claims about the scenarios of kept passage states: what is compared with what, over a real tiny model, and which
figures follow from which answers.
"""

from __future__ import annotations

import sys
from itertools import pairwise

import msgspec
import pytest

from assistant import Assistant
from assistant.engines.fake import ScriptedGenerator
from assistant.types import Answer, Prompt, Timings, Usage
from benchmarks import bandwidth, notes, product, prompts, scenarios
from benchmarks.datasets import Question
from benchmarks.errors import BenchmarkError
from benchmarks.notes import Notes
from benchmarks.plain import PlainLlama
from benchmarks.plan import Plan, Variant
from benchmarks.prompts import Listener, Prompted, apart
from benchmarks.quality import bases, kept_states
from benchmarks.scenarios import ceiling, first_token, passage_states, speculating, states_exactness
from tests.artifacts.tiny import TINY_GENERATOR, own_generator

THINGS = ("pump", "lamp", "valve", "filter", "motor", "chain", "handle", "display", "belt", "sensor", "hose", "tank")
MANUAL = "".join(f"# The {thing}\n\nThe {thing} is checked every {5 + n} days.\n\n" for n, thing in enumerate(THINGS))
QUESTIONS = [
    Question(
        f"own-{n}", f"Explain how the {thing} is checked.", "answerable", frozenset(["a.md"]), (f"Every {5 + n} days.",)
    )
    for n, thing in enumerate(THINGS)
]


@pytest.fixture
def world(tiny_settings, tmp_path, monkeypatch):
    """A run over a small manual; the model is the committed tiny one, run for real."""
    settings = own_generator(tiny_settings, TINY_GENERATOR.read_bytes())
    home = tmp_path / "kb"
    (tmp_path / "a.md").write_text(MANUAL)
    own = {"generator.id": "own", "embedder.id": settings.embedder.id, "generator.max_tokens": 12,
           "generator.context_tokens": 2048}  # fmt: skip
    variant = Variant("own", own)
    plan = Plan([sys.executable], str(tmp_path / "scratch"), str(settings.models), [variant], "own", questions=4)
    with product.opened(plan, variant, home) as fieldmate:
        fieldmate.add([tmp_path / "a.md"])
    monkeypatch.setattr(product, "with_samples", lambda plan: home)
    monkeypatch.setattr(product, "model_file", lambda plan, variant: TINY_GENERATOR)
    monkeypatch.setattr(product, "model_hashes", lambda plan: {"own": "00"})
    monkeypatch.setattr(bases, "samples", lambda: QUESTIONS)
    monkeypatch.setattr(ceiling, "memory_of", lambda *_: bandwidth.Bandwidth([10.0], "sum", 1, 1))
    monkeypatch.setattr(passage_states, "_LEAST", 3)

    class World:
        def measured(self, name, settings=(), **changed):
            asked = variant.but(**dict(settings))
            return list(scenarios.load(name)(msgspec.structs.replace(plan, **changed), asked))

    made = World()
    made.plan, made.variant, made.home = plan, variant, home
    return made


def pick(rows, metric, subset="", state="", statistic=None):
    found = [
        row
        for row in rows
        if (row.metric, row.subset, row.state) == (metric, subset, state) and statistic in (None, row.statistic)
    ]
    assert len(found) == 1, [(row.metric, row.subset, row.state, row.statistic) for row in rows]
    return found[0]


def nothing_is_told(rows):
    for row in rows:
        said = f"{row.keys} {row.detail} {row.subset} {row.variant} {row.metric}"
        assert not any(thing in said for thing in THINGS)


# passage_states


def test_each_arm_reuses_what_its_state_says_and_nothing_of_the_question_before(world):
    one = {"answering__passages": 1}
    rows = world.measured("passage_states", one, options={"passage_states": {"curve": 3}})
    nothing_is_told(rows)
    full, three, first = "full prefill", "kept, three passages", "kept, first passage"
    firsts = {(row.subset, row.state): row for row in rows if (row.metric, row.statistic) == ("first token", "median")}
    heads = firsts[full, ""].detail["reused_tokens"]
    assert len(set(heads)) == 1  # the instructions, each time
    assert heads[0] > 0
    for arm in (three, first):
        assert firsts[arm, "cold"].detail["reused_tokens"] == heads
        stored, warm = (firsts[arm, state].detail for state in ("stored", "warm"))
        assert stored["reused_tokens"] == warm["reused_tokens"]
        assert all(reused > head for reused, head in zip(stored["reused_tokens"], heads, strict=True))
        assert stored["prompt_tokens"] == firsts[full, ""].detail["prompt_tokens"]
        assert all(sample > 0 for sample in firsts[arm, "stored"].samples)
        assert pick(rows, "restore", arm, "stored").value > 0
    assert {tuple(row.keys) for row in rows if row.keys and not row.subset.startswith("curve")} == {
        tuple(firsts[full, ""].keys)
    }
    curve = [row.subset for row in rows if row.metric == "word F1"]
    assert curve == ["curve, full prefill", *(f"curve, k = {k}" for k in ("0", "8", "16", "32", "all"))]
    space = pick(rows, "state of a passage", state="stored")
    assert space.value > 0
    assert len(space.samples) == len(pick(rows, "filling, a state", state="stored").samples) >= 3
    assert (first, "stored") in firsts
    assert ("kept, first passage, speculation", "stored") in firsts


def test_too_few_questions_are_an_error(world, monkeypatch):
    monkeypatch.setattr(passage_states, "_LEAST", 100)
    with pytest.raises(BenchmarkError, match="100 are needed"):
        world.measured("passage_states", {"answering__passages": 1})


def answered(first, total, prompt=100):
    stages = {"restore": 1.0, "prefill": 2.0, "decode": 3.0, "judge": 4.0}
    return Answer("q", "t", "answered", "generated", 1.0, (), timings=Timings(5.0, first, total, 0.0, stages),
                  usage=Usage(prompt, 60, 7))  # fmt: skip


def sampled(full, kept):
    """Samples in which every kept arm is as fast as `kept`."""
    answers = {(turn.arm, state): list(kept) for turn in passage_states._TURNS for state in turn.states}
    answers[passage_states.FULL, ""] = full
    return passage_states._Samples([f"q{n}" for n in range(len(full))], answers)


def test_ratios_are_of_medians_and_of_p90_and_only_stored_states_have_targets(world):
    full = [answered(1000.0 + n, 3000.0) for n in range(20)]
    kept = [answered(50.0 if n < 15 else 500.0, 900.0) for n in range(20)]
    rows = list(passage_states._results(world.plan, Variant("x"), sampled(full, kept)))
    name = "kept, first passage / full prefill"
    median = pick(rows, "first token", name, "stored", "ratio of medians")
    assert median.value == pytest.approx(50 / 1009.5)
    assert median.target.met(median.value)
    slow = pick(rows, "first token", name, "stored", "ratio of p90")
    assert slow.value == pytest.approx(500 / 1017.1)
    assert not slow.target.met(slow.value)
    whole = pick(rows, "whole answer", name, "stored")
    assert (whole.value, whole.target.limit) == (pytest.approx(0.3), 0.4)
    aimed = {(row.subset, row.state) for row in rows if row.target}
    assert aimed == {(name, "stored"), ("kept, three passages / full prefill", "stored")}
    other = passage_states._results(world.plan, Variant.of_generator("another"), sampled(full, kept))
    assert not any(row.target for row in other)


def test_the_floor_is_the_weights_and_the_state_once_for_each_call(world):
    card = ceiling.Card(1_000_000, 100.0, "F16", {})
    memory = bandwidth.Bandwidth([0.5, 1.0], "sum", 1, 1)
    rows = list(passage_states._floors(world.plan, sampled([answered(1.0, 1.0)] * 3, [answered(1.0, 1.0)] * 3), card,
                                       memory))  # fmt: skip
    one_call = (1_000_000 + 100 * 100) / 1e9 * 1000
    values = {(row.subset, row.state): row.value for row in rows}
    assert values["kept, first passage", "stored"] == values["kept, three passages", "warm"] == pytest.approx(one_call)
    assert values["kept, first passage", "cold"] == pytest.approx(2 * one_call)
    assert values["full prefill", ""] == pytest.approx(4 * one_call)


# prompts


def item(number, front, *passages):
    return Prompted(Question(str(number), f"q{number}", "k"), Prompt(front, passages, "q"))


def test_no_two_neighbours_share_a_passage_and_instructions_stand_together():
    items = [item(n, "ab"[n % 2], f"p{n // 6}", f"s{n // 2}") for n in range(24)]
    groups = apart(items, 1)
    assert sorted(group[0].prompt.instructions for group in groups) == ["a", "b"]
    assert sum(map(len, groups)) >= 22
    for group in groups:
        assert len({one.prompt.instructions for one in group}) == 1
        for one, other in pairwise(group):
            assert not set(one.prompt.passages) & set(other.prompt.passages)
    assert apart(items, 1) == groups
    assert apart(items, 2) != groups


def test_what_cannot_stand_apart_is_left_out():
    assert [len(group) for group in apart([item(n, "a", "p") for n in range(3)], 1)] == [1]
    assert apart([], 1) == []


def test_a_listener_changes_nothing_and_a_mute_one_writes_nothing():
    listener, prompt = Listener(ScriptedGenerator("one two three")), Prompt("i", ("p",), "q")
    assert "".join(step.text for step in listener.generate(prompt, max_tokens=2)) == "one two "
    assert (listener.usage.completion_tokens, listener.model) == (2, "scripted")
    assert listener.count_tokens(prompt) == 3
    listener.mute = True
    assert list(listener.generate(prompt, max_tokens=2)) == []
    assert listener.prompts == [prompt, prompt]


def test_the_prompt_is_the_one_that_answering_makes(world):
    asked = world.variant.but(answering__wording="generated", answering__caution="low", states__budget_mb=0)
    with prompts.listening(world.plan, asked, world.home) as (fieldmate, listener):
        prompt = prompts.prompt_of(fieldmate, listener, "Explain how the pump is checked.")
        assert "pump" in prompt.passages[0]
        assert prompt.question.endswith("Explain how the pump is checked.")
        assert fieldmate.answer("Explain how the pump is checked.").timings.first_token is not None
        assert listener.prompts[1] == prompt
        with pytest.raises(BenchmarkError, match="keeps no states of passages"):
            prompts.fill(fieldmate, listener, [])


def test_a_store_without_room_is_said(world):
    small = passage_states.with_settings(world.variant, passage_states.KEPT).but(answering__passages=1)
    with prompts.listening(world.plan, small, world.home) as (fieldmate, listener):
        found = prompts.prompted(fieldmate, listener, QUESTIONS, 3)
        assert [one.question.id for one in found] == ["own-0", "own-1", "own-2"]
        listener.generator.warm = lambda *_: False
        with pytest.raises(BenchmarkError, match="was not kept"):
            prompts.fill(fieldmate, listener, found)


# notes


def test_notes_go_on_behind_what_was_cut(tmp_path):
    file = str(tmp_path / "notes")
    first = Notes(file, {"seed": 1}, dict[str, int])
    first.add("a", {"x": 1})
    first.add("b", {"x": 2})
    with open(file, "ab") as added:
        added.write(b'{"key": "c", "fou')
    again = Notes(file, {"seed": 1}, dict[str, int])
    assert again.found == {"a": {"x": 1}, "b": {"x": 2}}
    again.add("c", {"x": 3})
    assert Notes(file, {"seed": 1}, dict[str, int]).found["c"] == {"x": 3}
    with pytest.raises(BenchmarkError, match="begin a new file"):
        Notes(file, {"seed": 2}, dict[str, int])
    with pytest.raises(BenchmarkError, match="holds no notes"):
        Notes(file, {"seed": 1}, dict[str, str])


def test_without_a_file_notes_are_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Notes("", {}, int)
    made.add("a", 1)
    assert made.found == {"a": 1}
    assert list(tmp_path.iterdir()) == []


def test_another_setting_is_another_origin(world):
    assert notes.origin(world.plan, world.variant) != notes.origin(world.plan, world.variant.but(answering__passages=1))


# states_exactness


def test_kept_states_give_the_text_of_the_same_pieces(world, tmp_path):
    options = {"states_exactness": {"tokens": 10, "batch": 32, "notes": str(tmp_path / "notes")}}
    rows = world.measured("states_exactness", options=options)
    nothing_is_told(rows)
    exact = pick(rows, "same text", "kept = same pieces")
    assert (exact.value, len(exact.samples)) == (1.0, 4)
    assert max(exact.detail["tokens"]) > 1
    assert {row.subset for row in rows} == {
        "kept = same pieces", "kept = one batch", "kept = batches of 32", "same pieces = one batch",
        "same pieces = batches of 32", "one batch = batches of 32", "kept - batches of 32",
    }  # fmt: skip
    assert not any(thing in (tmp_path / "notes").read_text() for thing in THINGS)


def test_what_was_noted_is_not_asked_again(world, tmp_path, monkeypatch):
    options = {"states_exactness": {"tokens": 4, "notes": str(tmp_path / "notes")}}
    before = world.measured("states_exactness", options=options)
    monkeypatch.setattr(states_exactness, "_found", None)
    again = world.measured("states_exactness", options=options)
    assert [row.samples for row in again] == [row.samples for row in before]


def test_a_state_that_did_not_come_from_the_store_ends_the_comparison(world, monkeypatch):
    monkeypatch.setattr(prompts, "fill", lambda *_: None)
    with pytest.raises(BenchmarkError, match="would not be kept states"):
        world.measured("states_exactness")


def test_shares_are_of_the_same_questions(world):
    found = {
        str(n): states_exactness.Found({"kept": "a", "same pieces": "a", "one batch": one, "batches of 9": nine}, 4)
        for n, (one, nine) in enumerate([("a", "a"), ("b", "a"), ("a", "b"), ("a", "a")])
    }
    rows = list(states_exactness._rows(world.plan, found, "batches of 9"))
    assert pick(rows, "same text", "kept = one batch").value == 0.75
    assert pick(rows, "same text", "one batch = batches of 9").value == 0.5
    assert pick(rows, "same text as one batch, more often", "kept - batches of 9").samples == [0.0, 0.0, 100.0, 0.0]


# speculation


def test_what_is_repeated_is_counted_in_runs_of_three_words():
    prompt = Prompt("Never counted as known.", ("The pump runs dry after 12 seconds.",), "What does E07 mean now?")
    assert speculating.repeated("the pump runs dry after 12 seconds", prompt) == 1.0
    assert speculating.repeated("Pump runs dry, says somebody else.", prompt) == pytest.approx(1 / 4)
    assert speculating.repeated("never counted as known", prompt) == 0.0
    assert speculating.repeated("two words", prompt) == 0.0


def pair(key, share, rates, same=True):
    ways = {name: speculating.Written("t" if same else name, 20, 20_000 / rate)
            for name, rate in zip((speculating.WITH, speculating.WITHOUT), rates, strict=True)}  # fmt: skip
    return speculating.Pair(key, share, ways)


def test_texts_that_quote_and_others_have_targets_of_their_own(world):
    pairs = [pair(f"a{n}", 0.9, (30.0, 20.0), same=n > 0) for n in range(5)]
    pairs += [pair(f"b{n}", 0.1, (19.0, 20.0)) for n in range(5)] + [pair("c", 0.5, (1.0, 1.0))]
    rows = list(speculating._rows(world.plan, Variant("x"), pairs))
    quoting = pick(rows, "decode", "quoting, with guesses / without")
    assert (quoting.value, quoting.target.limit) == (pytest.approx(1.5), 1.4)
    own = pick(rows, "decode", "own words, with guesses / without")
    assert (own.value, own.target.limit) == (pytest.approx(0.95), 0.97)
    assert pick(rows, "same text", "quoting").value == 0.8
    assert not any("in between" in row.subset for row in rows)
    with pytest.raises(BenchmarkError, match="Only 1 texts"):
        list(speculating._rows(world.plan, Variant("x"), pairs[:1]))


def test_both_ways_write_the_same_with_a_real_model(world, monkeypatch):
    monkeypatch.setattr(speculating, "_LEAST", 1)
    rows = world.measured("speculation", options={"speculation": {"tokens": 24}})
    nothing_is_told(rows)
    same = [row for row in rows if row.metric == "same text"]
    assert same
    assert all(row.value == 1.0 for row in same)


# states_quality


def test_every_arm_is_scored_on_every_question_and_differences_are_in_points(world, tmp_path, monkeypatch):
    options = {"states_quality": {"notes": str(tmp_path / "notes")}}
    rows = world.measured("states_quality/samples", options=options, limit=3)
    nothing_is_told(rows)
    arms = ("full prefill", "kept, three passages", "kept, first passage")
    assert {row.subset for row in rows if row.metric == "word F1"} == set(arms)
    assert {tuple(row.keys) for row in rows if row.metric == "refused"} == {pick(rows, "refused", arms[0]).keys and
            tuple(pick(rows, "refused", arms[0]).keys)}  # fmt: skip
    for arm in arms[1:]:
        apart_by = pick(rows, "word F1, difference", f"{arm} - {arms[0]}")
        better, plainly = (pick(rows, "word F1", one).value for one in (arm, arms[0]))
        assert apart_by.value == pytest.approx(100 * (better - plainly))
        assert (apart_by.unit, apart_by.target.limit) == ("points", -1.0)
        assert pick(rows, "refused, difference", f"{arm} - {arms[0]}").target.sense == "at most"
    monkeypatch.setattr(kept_states, "_scored", None)
    again = world.measured("states_quality/samples", options=options, limit=3)
    assert [row.samples for row in again] == [row.samples for row in rows]


# first_token


class Yardstick(PlainLlama):
    """Takes no time of its own, and says which prompts it was given."""

    seen: list[int] = []  # noqa: RUF012 - of one test

    def first_token_ms(self, tokens, kept=None):
        self.seen.append(len(tokens))
        return 10.0 if kept is None else 5.0


def test_plain_llama_gets_the_prompt_that_fieldmate_sends(world, monkeypatch):
    monkeypatch.setattr(first_token, "PlainLlama", Yardstick)
    monkeypatch.setattr(first_token, "_LEAST", 3)
    monkeypatch.setattr(Yardstick, "seen", [])
    monkeypatch.setattr(product, "sample_questions",
                        lambda **_: [{"question": one.text, "id": one.id} for one in QUESTIONS])  # fmt: skip
    rows = world.measured("first_token", {"answering__caution": "low"})
    found = pick(rows, "first token", "plain")
    assert set(found.samples) == {10.0}
    assert found.detail["other_prompt"] == 0
    assert set(found.detail["prompt_tokens"]) <= set(Yardstick.seen)
    assert found.detail["reused_tokens"] == [found.detail["head_tokens"][0]] * len(found.samples)
    assert pick(rows, "first token", "fieldmate / plain").target.limit == 1.15


def test_an_assistant_is_closed_with_its_generator(world):
    with prompts.listening(world.plan, world.variant, world.home) as (fieldmate, listener):
        assert isinstance(fieldmate, Assistant)
        closed = []
        listener.generator.close, close = (lambda: closed.append(True)), listener.generator.close
    assert closed == [True]
    close()
