"""Claims about `python -m benchmarks calibrate`: what is fitted is right where the right answer is known."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from assistant.answering.confidence import CAUTIONS, parsed
from assistant.types import Answer, Citation
from benchmarks.calibrating import collecting, fitting, groups, making
from benchmarks.calibrating.collecting import Row
from benchmarks.cli.main import main
from benchmarks.datasets import Question
from benchmarks.errors import BenchmarkError

SEED = 7


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


def test_each_threshold_refuses_as_many_as_it_may_and_no_more():
    part = [row for row in rows() if row.fitted]
    chances = np.array([row.signals["fit"] for row in part])
    found = fitting.thresholds(part, chances)
    answerable = np.array([row.signals["fit"] for row in part if row.answerable])
    for caution, most in fitting.REFUSED.items():
        assert (answerable < found[caution]).mean() <= most
        assert (answerable < found[caution] + 0.05).mean() > most / 2
    assert found["low"] < found["normal"] < found["high"]


def test_what_is_made_reads_back_and_is_the_same_each_time():
    made = making.made(rows(), "2026-11-21", "m", SEED)
    text = making.written(made)
    assert parsed(text) == made
    assert making.written(making.made(rows(), "2026-11-21", "m", SEED)) == text


def test_what_is_made_knows_the_signal_from_the_noise_and_says_what_it_costs():
    made = making.made(rows(2000), "2026-11-21", "m", SEED)
    assert made.evidence.weights["fit"] > 4 * abs(made.evidence.weights["noise"])
    assert "strength" not in made.evidence.weights
    assert made.measured.ece < 0.1
    own = next(one for one in made.measured.refused if one.answerable)
    held = [row for row in rows(2000) if row.answerable and not row.fitted]
    assert own.held_out == len(held)
    for caution in CAUTIONS:
        refused = np.mean([made.evidence(row.signals) < made.thresholds[caution] for row in held])
        assert own.rates[caution] == pytest.approx(refused, abs=0.001)
    assert making.aurocs(rows(2000), made)["set: left open"] > 0.7


def test_held_out_questions_change_no_number_that_is_fitted():
    turned = [row if row.fitted else msgspec.structs.replace(row, answerable=not row.answerable) for row in rows()]
    one, other = (making.made(some, "2026-11-21", "m", SEED) for some in (rows(), turned))
    assert (one.evidence, one.thresholds) == (other.evidence, other.thresholds)


@pytest.mark.parametrize("some", [[], rows(4), [*rows(200), *rows(4, embedder="e:2")]])
def test_rows_that_allow_no_fit_are_refused_in_a_sentence(some):
    with pytest.raises(BenchmarkError, match=r"\.$"):
        making.made(some, "2026-11-21", "m", SEED)


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
    assert collecting._kept(file) == rows(3)
    assert file.read_bytes() == whole
    file.write_bytes(b'{"other": 1}\n')
    with pytest.raises(BenchmarkError, match="--scratch"):
        collecting._kept(file)
    assert collecting._kept(tmp_path / "none") == []


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
