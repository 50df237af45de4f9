"""Claims about the comparison with other pipelines, with pipelines that are made of nothing but the standard
library."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import peers
from benchmarks.cli.main import main
from benchmarks.errors import BenchmarkError
from benchmarks.peers import compared, environment, pipeline, scored
from benchmarks.peers.pipeline import Answered, Arm, Process
from benchmarks.peers.table import PIPELINES
from benchmarks.plan import Plan, Variant
from benchmarks.scenarios import TABLE

GOOD = """
class Pipeline:
    VERSIONS = ()
    DOCUMENTS = "none"
    said = {}
    def __init__(self, config):
        self.config = config
    def stated(self):
        return {"tuned": self.config.get("tuned")}
    def distributions(self):
        return set()
    def own_bytes(self):
        return 1000
    def load_embedder(self):
        print("libraries print what they like")
    def ingest(self, documents):
        return 7
    def ask(self, question):
        yield ""
        yield "It is "
        yield "32 Nm."
"""
REFUSES = GOOD.replace("{}", '{"status": "abstained", "first_token_ms": None}', 1)
CASES = {
    "raises": GOOD.replace('yield ""', "raise ValueError('the context\\nis full')"),
    "dies": GOOD.replace('yield ""', "import os; os.write(2, b'out of memory'); os._exit(9)"),
    "hangs": GOOD.replace('yield ""', "import time; time.sleep(60)"),
    "broken": "import no_such_library",
    "leaves": GOOD.replace('yield ""', "import socket; socket.create_connection(('192.0.2.1', 9), timeout=1)"),
    "resolves": GOOD.replace('yield ""', "import socket; socket.getaddrinfo('example.org', 443)"),
    "silent": GOOD.replace('yield "It is "', "return"),
}
HERE = Path(peers.__file__).parent


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Writes a pipeline's file and gives the arm that runs it."""
    monkeypatch.setattr(pipeline, "PIPELINES", tmp_path)

    def arm(source, name="example"):
        (tmp_path / f"{name}.py").write_text(source)
        return Arm(name, name, sys.executable, {"store": str(tmp_path / "stores" / name), "tuned": False})

    return arm


def test_an_answer_comes_with_the_time_of_its_first_text_and_of_the_whole_process(made):
    with Process(made(GOOD)) as process:
        answer, first = process.ask("what torque?")
    assert answer.text == "It is 32 Nm."
    assert 0 <= answer.first_ms <= answer.total_ms
    assert answer.token_ms == answer.first_ms
    assert first * 1000 > answer.first_ms  # from the start of the process
    assert process.peak_mb > 1


def test_what_libraries_print_does_not_mix_with_the_answers(made):
    with Process(made(GOOD)) as process:
        process.load()
        assert process.ingest(Path("anywhere"))["passages"] == 7
        assert process.about()["installed_bytes"] == 1000


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("raises", "example failed: ValueError: the context is full"), ("dies", "example ended: out of memory"),
        ("broken", "example failed: ModuleNotFoundError"), ("leaves", "nothing may leave this machine"),
        ("resolves", "nothing may leave this machine"),
    ],
)  # fmt: skip
def test_a_pipeline_that_fails_is_one_sentence(made, case, words):
    with pytest.raises(BenchmarkError, match=words), Process(made(CASES[case])) as process:
        process.ask("what torque?")


def test_a_pipeline_that_hangs_is_ended(made, monkeypatch):
    monkeypatch.setattr(pipeline, "PATIENCE_S", 0.5)
    with pytest.raises(BenchmarkError, match="said nothing for"), Process(made(CASES["hangs"])) as process:
        process.ask("what torque?")
    assert process.peak_mb is not None


def test_a_pipeline_goes_on_after_a_question_that_it_failed(made):
    source = GOOD.replace('yield ""', "\n        if not question: raise ValueError('empty')")
    with Process(made(source)) as process:
        with pytest.raises(BenchmarkError, match="empty"):
            process.ask("")
        assert process.ask("what torque?")[0].text == "It is 32 Nm."


def test_an_answer_without_text_has_no_first_text(made):
    with Process(made(CASES["silent"])) as process:
        answer, first = process.ask("what torque?")
    assert (answer.text, answer.first_ms, first) == ("", None, None)


def test_a_python_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(BenchmarkError, match="cannot be started"):
        Process(Arm("example", "example", str(tmp_path / "python"), {}))


def compared_arms(folder, last, first=GOOD):
    """Rows of three arms, ours running `first` and the last one `last`, and the sentence with which it ended."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pipeline, "PIPELINES", folder)
        arms = []
        for name, source in ((compared.OURS, first), ("documented", GOOD), ("tuned", last)):
            (folder / f"{name}.py").write_text(source)
            arms.append(Arm(name, name, sys.executable, {"store": str(folder / "stores" / name)}))
        patched.setattr(compared, "_arms", lambda plan, variant, part: arms)
        patched.setattr(compared.product, "with_samples", lambda plan: folder)
        patched.setattr(compared, "_PAUSE_S", 0.0)
        plan = Plan([], str(folder), "", [], "m", questions=2, repetitions=1)
        rows = []
        try:
            rows.extend(compared.measure(plan, Variant("m"), "langchain"))
        except BenchmarkError as exc:
            return rows, str(exc)
        return rows, None


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Rows of three arms that all work; run once for all claims about them."""
    folder = tmp_path_factory.mktemp("arms")
    rows, failure = compared_arms(folder, GOOD)
    assert failure is None
    return rows, folder


def figures(rows):
    return {(row.metric, row.subset): row for row in rows}


def test_every_arm_has_every_figure(good):
    found = figures(good[0])
    for metric in ("installed, without models", "adding", "adding the sample manuals", "peak memory of adding",
                   "peak memory of one question", "peak memory of all questions", "process start to first token",
                   "first token", "first text", "whole answer"):  # fmt: skip
        for arm in (compared.OURS, "documented", "tuned"):
            assert found[metric, arm].value > 0, (metric, arm)
    assert found["refused", "tuned, unanswerable"].value == 0.0


def test_times_are_paired_question_by_question(good):
    found = figures(good[0])
    own, other = (
        dict(zip(row.keys, row.samples, strict=True))
        for row in (found["whole answer", compared.OURS], found["whole answer", "tuned"])
    )
    assert len(own) == 2
    assert own.keys() == other.keys()
    ratio = found["whole answer", f"{compared.OURS} / tuned"]
    assert list(ratio.samples) == [pytest.approx(own[key] / other[key]) for key in ratio.keys]


def test_rows_hold_no_question_answer_or_path(good):
    rows, folder = good
    said = repr(rows)
    assert "32 Nm" not in said
    assert str(folder) not in said
    assert not any(item["question"] in said for item in scored.product.sample_questions())


def test_an_arm_that_fails_is_named_and_the_others_are_measured(tmp_path):
    rows, failure = compared_arms(tmp_path, CASES["raises"])
    assert failure == "tuned failed: ValueError: the context is full"
    assert {row.subset.partition(",")[0] for row in rows} == {
        compared.OURS, "documented", f"{compared.OURS} / documented",
    }  # fmt: skip


def test_a_refusal_before_a_token_counts_as_an_answer_and_never_as_a_fast_one(tmp_path):
    rows, failure = compared_arms(tmp_path, GOOD, first=REFUSES)
    assert "no start was measured" in failure
    assert {row.subset for row in rows if row.unit in ("ms", "s") and "adding" not in row.metric} == {
        f"{arm}, refusals included" for arm in (compared.OURS, "documented", "tuned")
    }
    assert not [row for row in rows if row.unit == "ratio"]
    assert figures(rows)["refused", f"{compared.OURS}, unanswerable"].value == 1.0


def test_an_arm_that_finds_no_passage_has_failed(made, tmp_path):
    arm = made(GOOD.replace("return 7", "return 0"))
    with pytest.raises(BenchmarkError, match="found no passage"):
        compared._add(arm, arm.config, compared.Samples(), tmp_path)


def answered(text, *, abstained=False):
    return Answered(text, 1.0, 2.0, 1.0, abstained)


def test_answers_are_scored_and_refusals_are_told_by_the_arm_or_by_its_words():
    plan = Plan([], "", "", [], "m")
    good = next(item for item in scored.product.sample_questions(answerable=True) if item["id"] == "pump-02")
    bad = scored.product.sample_questions(answerable=False)[:2]
    answers = {
        "pump-02": answered(good["answer"]),
        bad[0]["id"]: answered("Anything", abstained=True),
        bad[1]["id"]: answered("I don't know."),
    }
    found = {(row.metric, row.subset): row.value for row in scored.rows(plan, "arm", answers)}
    assert found == {
        ("word F1", "arm, answerable"): 1.0, ("numbers right", "arm, answerable"): 1.0,
        ("refused", "arm, answerable"): 0.0, ("refused", "arm, unanswerable"): 1.0,
    }  # fmt: skip


def test_half_of_the_questions_have_no_answer_and_none_is_asked_twice():
    plan = Plan([], "", "", [], "m", questions=12)
    chosen = scored.questions(plan)
    assert len(chosen) == 13  # one warms up
    assert len({item["id"] for item in chosen}) == 13
    assert sum(item["kind"] == "unanswerable" for item in chosen[1:]) == 6


@pytest.mark.parametrize("peer", PIPELINES)
def test_every_pipeline_has_a_worker_an_environment_and_a_place_in_the_table(peer):
    (entry,) = (entry for entry in TABLE if entry.name == "pipelines")
    assert peer in entry.parts
    assert (HERE / "pipelines" / f"{peer}.py").is_file()
    assert peer in environment.STARTS
    source = (HERE / "pipelines" / f"{peer}.py").read_text()
    assert not re.search(r"^\s*(?:from|import) (?:assistant|benchmarks)\b", source, re.MULTILINE)


@pytest.mark.parametrize("peer", PIPELINES)
def test_every_requirement_is_pinned_and_hashed_and_no_registry_is_named(peer):
    text = (HERE / f"{peer}.txt").read_text()
    assert "://" not in text
    assert "--index-url" not in text
    requirements = re.findall(r"^[A-Za-z0-9][^\n]*(?:\n[ ]+[^\n]*)*", text, re.MULTILINE)
    assert len(requirements) > 40
    for requirement in requirements:
        assert "==" in requirement.splitlines()[0]
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]
    assert not any(name in text for name in ("nvidia-", "\ntriton=="))


def test_an_environment_that_cannot_be_made_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "home", lambda: tmp_path)
    monkeypatch.setattr(environment, "_run", lambda command, sentence: (_ for _ in ()).throw(BenchmarkError(sentence)))
    with pytest.raises(BenchmarkError, match="virtual environment"):
        environment.interpreter(lambda _: None, "langchain")
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_an_environment_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "home", lambda: tmp_path)
    calls = []
    monkeypatch.setattr(environment, "_environment", lambda peer, folder, say: (calls.append(peer), folder.mkdir()))
    first, second = (environment.interpreter(lambda _: None, "txtai") for _ in range(2))
    assert first == second
    assert calls == ["txtai"]


def test_the_worker_needs_nothing_but_the_standard_library():
    text = "import sys; print(sorted(name.partition('.')[0] for name in sys.modules if 'benchmarks' in name))"
    code = f"import runpy; runpy.run_path({str(pipeline.WORKER)!r}); {text}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_data_the_command_leaves_out_what_needs_it(monkeypatch):
    asked = []
    monkeypatch.setattr("benchmarks.cli.peers.measure", lambda suites, options: asked.append((suites, options.only)))
    for arguments in ([], ["--data", "."], ["--only", "pipelines/txtai"]):
        result = CliRunner().invoke(main, ["peers", *arguments])
        assert result.exit_code == 0, result.output
    assert asked == [(("peers",), ("pipelines",)), (("peers",), ()), (("peers",), ("pipelines/txtai",))]


def test_the_cpu_build_of_torch_is_admitted_by_its_hash():
    line = environment.CPU_BUILD.read_text("utf-8").strip().splitlines()[-1]
    assert all(re.search(r"sha256:\w+", line)[0] in (HERE / f"{peer}.txt").read_text() for peer in PIPELINES)


def test_fieldmates_own_size_counts_what_the_runtime_needs_and_nothing_else():
    spec = pipeline.PIPELINES / "fieldmate.py"
    code = (
        "import json, runpy; made = runpy.run_path(" + repr(str(spec)) + ")['Pipeline']({});"
        "print(json.dumps([sorted(made.distributions()), made.own_bytes()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, size = json.loads(done.stdout)
    assert {"llama-cpp-python", "numpy", "onnxruntime"} <= set(names)
    assert not {"pytest", "ruff", "matplotlib", "torch"} & set(names)
    assert size > 100_000
