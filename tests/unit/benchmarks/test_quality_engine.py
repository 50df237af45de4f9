"""Claims about the quality scenarios with full weights: the generator and the naive pipeline both answer from text."""

from __future__ import annotations

import pytest

from benchmarks import product, scenarios
from benchmarks.plan import Plan, Variant
from tests.unit.benchmarks.test_datasets import write_all

pytestmark = pytest.mark.engine
SMALL = "smollm2-135m-instruct"


@pytest.fixture
def plan(tmp_path, models_dir, smollm2, monkeypatch):
    monkeypatch.setattr(product, "model_file", lambda plan, variant: smollm2)
    return Plan(
        command=[], scratch=str(tmp_path / "scratch"), models=str(models_dir), variants=[Variant.of_generator(SMALL)],
        default_generator=SMALL, data=str(write_all(tmp_path / "data")), questions=2,
    )  # fmt: skip


def test_answers_of_both_pipelines_are_scored(plan):
    rows = list(scenarios.load("answers/squad2")(plan, plan.variants[0]))
    assert {row.variant for row in rows} == {SMALL, f"naive, {SMALL}", "best passage, no model"}
    verbatim = [row.value for row in rows if row.metric == "citation verbatim"]
    assert set(verbatim) <= {1.0}
    answered = {row.variant: row for row in rows if (row.metric, row.subset) == ("word F1", "answerable")}
    assert answered["best passage, no model"].value > 0


def test_documents_change_between_questions_with_the_models_loaded_once(plan):
    rows = list(scenarios.load("noise/rgb")(plan, plan.variants[0]))
    right = {(row.variant, row.subset): row.value for row in rows if row.metric == "answered rightly"}
    assert right["best passage, no model", "0 % noise"] == 1.0
    assert {subset for variant, subset in right if variant == SMALL} == {f"{n} % noise" for n in range(0, 100, 20)}
