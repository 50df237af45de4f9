"""Claims about `python -m benchmarks calibrate`: what is fitted is right where the right answer is known."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from assistant.answering.confidence import CAUTIONS, ReadOf, Stretches, calibration, parsed
from assistant.types import Answer, Citation
from benchmarks.calibrating import collecting, fitting, groups, keeping, making
from benchmarks.calibrating import sentences as reading
from benchmarks.calibrating.collecting import Row
from benchmarks.calibrating.sentences import Sentences, belongs
from benchmarks.cli.main import main
from benchmarks.datasets import Question
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan

SEED = 7
STRETCH = Stretches(-1.0, {"fit": 2.0}, [ReadOf("set", 3, 20, 5)])


def rows(count=400, *, truth=6.0, embedder="e:1"):
    """Questions whose answerability is known: logistic in one signal, another is noise."""
    random = np.random.default_rng(1)
    found = []
    for number in range(count):
        fit, noise = random.random(), random.random()
        answerable = bool(random.random() < 1 / (1 + np.exp(-truth * (fit - 0.5))))
        right = answerable and bool(random.random() < 0.8)
        signals = {"fit": fit, "noise": noise, "strength": fit, "support": 0.5, "generated": 0.0,
                   "doubt": 0.0}  # fmt: skip
        name = "its own" if answerable else "left open"
        found.append(Row("set", name, f"q{number}", answerable, 1.0, number % 2 == 0, "quoted", signals, True, right,
                         embedder))  # fmt: skip
    return found


def test_the_regression_is_that_of_the_chances_that_made_the_labels():
    random = np.random.default_rng(3)
    columns = random.random((20_000, 2))
    chances = 1 / (1 + np.exp(-(-1.0 + 3.0 * columns[:, 0])))
    labels = (random.random(20_000) < chances).astype(float)
    beta = fitting.logistic(columns, labels, np.full(20_000, 1 / 20_000), 1e-9)
    assert beta == pytest.approx([-1.0, 3.0, 0.0], abs=0.2)


def test_the_regression_agrees_with_a_general_minimizer():
    optimize = pytest.importorskip("scipy.optimize")
    random = np.random.default_rng(5)
    columns, labels = random.normal(size=(300, 4)), (random.random(300) < 0.3).astype(float)
    counted = random.random(300)
    counted /= counted.sum()
    ones = np.column_stack([np.ones(300), columns])

    def loss(beta):
        margins = np.where(labels == 1, -(ones @ beta), ones @ beta)
        return (counted * np.logaddexp(0, margins)).sum() + 0.01 * (beta[1:] ** 2).sum()

    assert fitting.logistic(columns, labels, counted, 0.01) == pytest.approx(
        optimize.minimize(loss, np.zeros(5), tol=1e-10).x, abs=1e-4
    )


def test_labels_that_one_signal_separates_are_no_error():
    columns = np.linspace(0, 1, 100)[:, None]
    beta = fitting.logistic(columns, (columns[:, 0] > 0.5).astype(float), np.full(100, 0.01), 1e-4)
    assert np.isfinite(beta).all()
    assert beta[1] > 0


def test_error_of_calibration_is_the_gap_between_what_is_said_and_what_is():
    ones = np.ones(4)
    assert fitting.ece(np.array([0.75] * 4), np.array([1, 1, 1, 0]), ones) == pytest.approx(0)
    assert fitting.ece(np.array([0.95] * 4), np.array([1, 1, 0, 0]), ones) == pytest.approx(0.45)
    assert fitting.ece(np.array([1.0] * 4), np.ones(4), ones) == 0


def test_a_large_group_counts_no_more_than_its_share():
    many = [row for row in rows(2000) if row.answerable]
    few = [msgspec.structs.replace(row, questions="few") for row in many[:75]]
    counted = fitting.weights([*many, *few], np.ones(len(many) + 75), balanced=False)
    assert counted[: len(many)].sum() == pytest.approx(counted[len(many) :].sum())


def decided(some, strengths, confidences):
    """What `fitting.decided` says, and what each caution then refuses of which kind, by set."""
    strengths, confidences = np.array(strengths), np.array(confidences)
    thresholds, floors = fitting.decided(some, strengths, confidences)
    refused = {}
    for caution in CAUTIONS:
        gone = (strengths < thresholds[caution]) | (confidences < floors[caution])
        for name, answerable in {(row.documents, row.answerable) for row in some}:
            own = [row.documents == name and row.answerable == answerable for row in some]
            refused[caution, name, answerable] = gone[own].mean()
    return thresholds, floors, refused


def drawn(seed, sizes=(200, 200), others=300):
    """Answerable rows of sets of these sizes and others, with strengths and confidences that tell them apart a bit."""
    random = np.random.default_rng(seed)
    some = [row for row in rows(2000) if row.answerable][: sum(sizes)]
    names = [f"set {number}" for number, size in enumerate(sizes) for _ in range(size)]
    some = [msgspec.structs.replace(row, documents=name) for row, name in zip(some, names, strict=True)]
    some += [msgspec.structs.replace(row, answerable=False, questions="open") for row in rows(others)]
    likely = np.array([0.6 if row.answerable else 0.3 for row in some])
    return some, *(np.clip(random.normal(likely, 0.2), 0, 1) for _ in range(2))


@pytest.mark.parametrize("seed", range(5))
def test_both_decisions_together_refuse_as_many_as_they_may_and_no_more(seed):
    thresholds, floors, refused = decided(*drawn(seed))
    for caution, most in fitting.REFUSED.items():
        own = [refused[caution, f"set {number}", True] for number in range(2)]
        assert most / 3 < np.mean(own) <= most + 1e-9
        assert max(own) <= 1.5 * most + 1 / 200
    assert refused["low", "set", False] < refused["normal", "set", False] < refused["high", "set", False]
    for asked in (thresholds, floors):
        assert asked["low"] <= asked["normal"] <= asked["high"]


def test_the_floor_refuses_what_the_threshold_cannot_tell():
    some, strengths, confidences = drawn(1)
    blind = np.full(len(some), 0.5)
    _, floors, refused = decided(some, blind, confidences)
    assert floors["normal"] > 0
    assert refused["normal", "set", False] > 2 * refused["normal", "set 0", True]
    _, floors, refused = decided(some, strengths, blind)
    assert max(floors.values()) <= 0.5
    assert refused["normal", "set", False] > 2 * refused["normal", "set 0", True]


def test_no_single_set_pays_for_the_others():
    some, strengths, confidences = drawn(2, sizes=(100, 100, 100))
    weak = np.array([row.documents == "set 0" for row in some])
    strengths, confidences = strengths - 0.25 * weak, confidences - 0.25 * weak
    _, _, refused = decided(some, strengths, np.clip(confidences, 0, 1))
    for caution, most in fitting.REFUSED.items():
        assert refused[caution, "set 0", True] <= 1.5 * most + 1 / 100
        assert refused[caution, "set", False] > 0


def test_a_small_set_may_lose_one_question():
    some, strengths, confidences = drawn(3, sizes=(300, 5))
    small = [index for index, row in enumerate(some) if row.documents == "set 1"]
    strengths[small] = confidences[small] = [0.01, 0.99, 0.99, 0.99, 0.99]
    thresholds, _, refused = decided(some, strengths, confidences)
    assert refused["high", "set 1", True] == 0.2
    assert thresholds["high"] > 0.02


def test_what_has_no_answer_counts_as_refused_and_what_cannot_be_kept_is_no_error():
    some, strengths, confidences = drawn(4)
    nothing = np.full(len(some), -1.0)
    thresholds, floors, refused = decided(some, strengths, nothing)
    assert set(floors.values()) == {0.0}
    some = [row for row in some if row.answerable]
    assert decided(some, strengths[: len(some)], confidences[: len(some)])[0]["low"] >= 0
    assert thresholds["low"] <= thresholds["high"]
    assert refused


def test_more_budget_never_asks_for_less_even_of_what_ties():
    some = rows(60)
    same = np.full(60, 0.4)
    thresholds, floors, _ = decided(some, same, same)
    assert thresholds["low"] <= thresholds["normal"] <= thresholds["high"] <= 0.4
    assert floors["low"] <= floors["normal"] <= floors["high"] <= 0.4


def test_nothing_is_fitted_below_the_lowest_threshold():
    part = [row for row in rows() if row.fitted]
    strengths = np.array([row.signals["fit"] for row in part])
    least = fitting.least_threshold(part, strengths)
    thresholds, _ = fitting.decided(part, strengths, np.ones(len(part)))
    assert 0 < least <= thresholds["low"]


def test_what_is_made_reads_back_and_is_the_same_each_time():
    made = making.made(rows(), STRETCH, "2026-11-21", "m", SEED)
    text = making.written(made)
    assert parsed(text) == made
    assert making.written(making.made(rows(), STRETCH, "2026-11-21", "m", SEED)) == text


def test_what_is_made_knows_the_signal_from_the_noise_and_says_what_it_costs():
    made = making.made(rows(2000), STRETCH, "2026-11-21", "m", SEED)
    assert made.evidence.weights["fit"] > 4 * abs(made.evidence.weights["noise"])
    assert "strength" not in made.evidence.weights
    assert made.measured.ece < 0.1
    own = next(one for one in made.measured.refused if one.answerable)
    held = [row for row in rows(2000) if row.answerable and not row.fitted]
    assert own.held_out == len(held)
    for caution in CAUTIONS:
        shown = []
        for row in held:
            strength = made.evidence(row.signals)
            sure = made.answer({**row.signals, "strength": strength})
            shown.append(strength >= made.thresholds[caution] and sure >= made.floors[caution])
        assert own.rates[caution] == pytest.approx(1 - np.mean(shown), abs=0.001)
    assert making.aurocs(rows(2000), made)["set: left open"] > 0.7


def test_held_out_questions_change_no_number_that_is_fitted():
    turned = [row if row.fitted else msgspec.structs.replace(row, answerable=not row.answerable) for row in rows()]
    one, other = (making.made(some, STRETCH, "2026-11-21", "m", SEED) for some in (rows(), turned))
    assert (one.evidence, one.thresholds, one.floors) == (other.evidence, other.thresholds, other.floors)


def test_an_answer_that_was_not_found_is_refused_at_every_caution():
    silent = [msgspec.structs.replace(row, answered=row.answerable) for row in rows()]
    made = making.made(silent, STRETCH, "2026-11-21", "m", SEED)
    assert next(one for one in made.measured.refused if not one.answerable).rates == dict.fromkeys(CAUTIONS, 1.0)


@pytest.mark.parametrize("some", [[], rows(4), [*rows(200), *rows(4, embedder="e:2")]])
def test_rows_that_allow_no_fit_are_refused_in_a_sentence(some):
    with pytest.raises(BenchmarkError, match=r"\.$"):
        making.made(some, STRETCH, "2026-11-21", "m", SEED)


def test_the_halves_are_the_same_on_every_machine_and_change_with_the_seed():
    questions = [Question(f"q{number}", "?", "k") for number in range(400)]
    halves = [groups.is_fitted(question, SEED) for question in questions]
    assert 150 < sum(halves) < 250
    assert halves == [groups.is_fitted(question, SEED) for question in questions]
    assert halves != [groups.is_fitted(question, SEED + 1) for question in questions]


def test_a_cut_file_of_rows_is_read_as_far_as_it_is_whole(tmp_path):
    file = tmp_path / "rows.jsonl"
    whole = b"".join(msgspec.json.encode(row) + b"\n" for row in rows(3))
    file.write_bytes(whole + b'{"documents": "se')
    assert keeping.kept(file, Row) == rows(3)
    assert file.read_bytes() == whole
    file.write_bytes(b'{"other": 1}\n')
    with pytest.raises(BenchmarkError, match="--scratch"):
        keeping.kept(file, Row)
    assert keeping.kept(tmp_path / "none", Row) == []


# Sentences


def read(count=200, *, embedder="e:1"):
    """Questions with three sentences each, of which the one that fits best belongs, mostly."""
    random, found = np.random.default_rng(4), []
    for number in range(count):
        fits = random.random(3)
        seen = [{"fit": float(fit), "noise": float(random.random())} for fit in fits]
        right = [bool(random.random() < 1 / (1 + np.exp(-8 * (fit - 0.5)))) for fit in fits]
        explains = number % 4 > 0
        documents = "manual" if number % 2 else "set"
        found.append(Sentences(documents, f"q{number}", explains, seen if explains else [],
                               right if explains else [], embedder))  # fmt: skip
    return found


def test_what_explanations_are_chosen_by_is_learnt_and_said():
    stretch = making.stretches(read(), SEED)
    assert stretch.weights["fit"] > 4 * abs(stretch.weights["noise"])
    assert stretch({"fit": 1.0, "noise": 0.5}) > 0.8 > 0.2 > stretch({"fit": 0.0, "noise": 0.5})
    belonging = {"set": 0, "manual": 0}
    for one in read():
        belonging[one.documents] += sum(one.belongs)
    assert [(one.documents, one.questions, one.sentences) for one in stretch.fitted] == [
        ("manual", 100, 300), ("set", 50, 150)
    ]  # fmt: skip
    assert {one.documents: one.belonging for one in stretch.fitted} == belonging
    assert making.stretches(read(), SEED) == stretch


@pytest.mark.parametrize(
    "some", [[], read(1), [one for one in read() if not one.explains], [*read(40), *read(4, embedder="e:2")]]
)
def test_sentences_that_allow_no_fit_are_refused_in_a_sentence(some):
    with pytest.raises(BenchmarkError, match=r"\.$"):
        making.stretches(some, SEED)


def test_a_sentence_belongs_when_most_of_its_pairs_of_words_stand_in_an_answer():
    right = ["Open the bleed screw by one turn and close it again when water comes.", "Stop it."]
    assert belongs("Open the bleed screw by one turn.", right)
    assert belongs("Stop it.", right)
    assert not belongs("Open the lid by one finger and close the other screw.", right)
    assert not belongs("Turn one by screw bleed open.", right)  # the same words, none beside the same one
    assert belongs("Again", right)
    assert not belongs("Batteries", right)
    assert not belongs("...", right)
    assert not belongs("Open the bleed screw.", [])


def test_sentences_are_read_by_the_product_once_and_only_of_the_fitted_half(tmp_path, monkeypatch, made_base):
    plan, base = made_base
    monkeypatch.setattr(reading.groups, "of", lambda _: [base])
    file = tmp_path / "sentences.jsonl"
    found = list(reading.collect(plan, file))
    assert [one.id for one in found] == [one.id for one in base.read if groups.is_fitted(one, plan.seed)]
    how = next(one for one in found if one.explains)
    assert set(how.features[0]) == set(calibration().stretch.weights)
    assert len(how.features) == len(how.belongs)
    assert sum(how.belongs) == 1
    assert not any(one.features for one in found if not one.explains)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    assert list(reading.collect(plan, file)) == found
    assert file.read_bytes() == b"".join(lines)


def test_answers_are_asked_for_without_caution_and_once(tmp_path, monkeypatch, made_base):
    plan, base = made_base
    monkeypatch.setattr(collecting.groups, "of", lambda _: [base])
    file = tmp_path / "rows.jsonl"
    found = list(collecting.collect(plan, "", 0, file))
    weak = next(row for row in found if row.id == "far")
    assert calibration().evidence(weak.signals) < calibration().thresholds["low"]
    assert weak.answered
    assert weak.signals["support"] > 0
    assert list(collecting.collect(plan, "", 0, file)) == found


@pytest.fixture
def made_base(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "pump.md").write_text(
        "# Pump\n\n## Bleeding\n\nStop the pump and let it cool. Open the bleed screw by one turn. Batteries are "
        "waste.\n\n## Valves\n\nThe relief valve opens at 8 bar.\n"
    )
    answer = ("Open the bleed screw by one turn.",)
    asked = [Question(f"how-{number}", "How do I bleed the pump?", "k", frozenset(), answer) for number in range(6)]
    asked += [Question(f"fact-{number}", "At what pressure does the relief valve open?", "k", frozenset(), ("8 bar",))
              for number in range(6)]  # fmt: skip
    far = Question("far", "Which screw did the emperor of Byzantium turn in winter?", "k")
    both = (groups.Group("its own", tuple(asked), True), groups.Group("far", (far,), False))
    plan = Plan(
        command=[], scratch=str(tmp_path), models=str(tmp_path / "models"), variants=[], default_generator="", seed=SEED
    )
    return plan, groups.Base("pump", lambda _: folder, both, read=tuple(asked))


# Answers


def answered(text, document):
    cited = Citation(document, "t", "s", None, text, 0, len(text), 1.0)
    return Answer("?", text, "answered", "quoted", 0.5, (cited,))


def test_an_answer_is_right_when_it_says_it_from_where_it_stands():
    short = Question("1", "?", "k", frozenset({"section_1"}), ("8 bar",))
    assert collecting.is_right(answered("It opens at 8 bar.", "section_1.txt"), short)
    assert not collecting.is_right(answered("It opens at 8 bar.", "section_2.txt"), short)
    assert not collecting.is_right(answered("It opens at 6 bar.", "section_1.txt"), short)
    long = Question("2", "?", "k", frozenset({"a/m.md"}), ("Open the bleed screw by one turn and close it again.",))
    assert collecting.is_right(answered("Open the bleed screw.", "m.md"), long)
    assert not collecting.is_right(answered("Water is wet.", "m.md"), long)
    assert collecting.is_right(answered("Anything.", "d.txt"), Question("3", "?", "k", frozenset({"d"})))


def test_without_data_the_command_says_so_and_leaves_the_file_alone(tmp_path):
    out = tmp_path / "calibration.toml"
    out.write_text("as it was")
    result = CliRunner().invoke(main, ["calibrate", "--data", str(tmp_path), "--out", str(out)])
    assert result.exit_code == 3
    assert "emanual" in result.output
    assert out.read_text() == "as it was"
