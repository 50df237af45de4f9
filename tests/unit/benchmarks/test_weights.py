"""Claims about forms of weights, with a real tiny model: what is timed, what is compared, and with what."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.engines import requantize
from benchmarks import forms, product
from benchmarks.errors import BenchmarkError
from benchmarks.forms import Form
from benchmarks.plan import ROOT, Plan, Variant
from benchmarks.scenarios import weights

TINY = ROOT / "tests" / "artifacts" / "tiny-generator" / "tiny-f16.gguf"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A run whose generator is the tiny one, used in another form than it came in."""
    came, used = tmp_path / "models" / "tiny", tmp_path / "models" / ".optimized" / "tiny"
    for folder in (came, used):
        folder.mkdir(parents=True)
    shutil.copy(TINY, came / "tiny.gguf")
    requantize.write(TINY, used / "tiny.q8_0.gguf", "q8_0")
    monkeypatch.setattr(product, "model_file", lambda *_: used / "tiny.q8_0.gguf")
    options = {"weights": {"forms": "q8_0", "rounds": 2, "windows": 2}}
    return Plan([sys.executable], str(tmp_path), str(tmp_path / "models"), [], "tiny", options=options)


def test_the_pulled_file_is_the_yardstick_whatever_the_product_uses(plan):
    assert weights._pulled(plan, Variant("tiny")).read_bytes() == TINY.read_bytes()
    weights._pulled(plan, Variant("tiny")).unlink()
    with pytest.raises(BenchmarkError, match="run `fieldmate models pull`"):
        weights._pulled(plan, Variant("tiny"))


def test_each_form_has_a_time_for_each_figure_and_a_ratio_to_the_pulled_file(plan):
    files = weights._derived(plan, TINY)
    assert list(files) == ["as pulled", "q8_0"]
    loaded = {name: Form(path, 1) for name, path in files.items()}
    tokens = loaded["as pulled"].tokens("the pump stops. " * 60)
    assert len(tokens) > 512
    rows = list(weights._speeds(plan, loaded, tokens))
    assert len([row for row in rows if row.statistic == "ratio of medians"]) == 6
    assert {len(row.samples) for row in rows} == {2}
    assert all(sample > 0 for row in rows for sample in row.samples)
    for form in loaded.values():
        form.close()


def test_a_file_is_at_no_distance_from_itself_and_eight_bits_are_close(plan):
    loaded = {
        "as pulled": Form(TINY, 1),
        "itself": Form(TINY, 1),
        "q8_0": Form(weights._derived(plan, TINY)["q8_0"], 1),
    }
    tokens = loaded["as pulled"].tokens("The pump stops when it is empty. " * 30)
    rows = {(row.metric, row.subset): row for row in weights._distances(plan, loaded, tokens)}
    assert rows["divergence on the sample manuals", "itself"].value == pytest.approx(0, abs=1e-6)
    assert rows["same likeliest on the sample manuals", "itself"].value == 1
    assert 0 < rows["divergence on the sample manuals", "q8_0"].value < 0.01
    assert rows["surprise on the sample manuals", "as pulled"].value > math.log(2)
    for form in loaded.values():
        form.close()


def test_log_probabilities_are_those_of_a_distribution_and_do_not_depend_on_what_was_before():
    form = Form(TINY, 1)
    tokens = form.tokens("the pump stops")
    found = form.log_probabilities(tokens)
    assert np.exp(found).sum(axis=1) == pytest.approx(np.ones(len(tokens)), abs=1e-4)
    form.log_probabilities(form.tokens("something else entirely"))
    assert form.log_probabilities(tokens) == pytest.approx(found, abs=1e-5)
    form.close()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_what_a_process_takes_is_of_one_process(capsys):
    found = forms.taken(TINY)
    assert set(found) == {"load_s", "peak_mb", "resident_mb", "anonymous_mb"}
    assert found["peak_mb"] >= found["resident_mb"] > found["anonymous_mb"] > 1


def test_a_file_that_is_no_model_is_refused(tmp_path: Path):
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(BenchmarkError, match=r"cannot load x\.gguf"):
        Form(tmp_path / "x.gguf", 1)
