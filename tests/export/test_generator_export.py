"""The whole road from a GGUF file to published artifacts, on the committed tiny model: no toolchain is needed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.artifacts.catalogue import load_catalogue
from assistant.artifacts.library import ModelLibrary
from assistant.engines.llama import LlamaGenerator
from assistant.types import Prompt
from export import files, generator, generator_gguf, generator_steps, room
from export.errors import ConversionError, QualityError, SourceError
from export.generator_job import Options
from export.gguf import header
from export.room import Need

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "artifacts" / "tiny-generator" / "tiny-f16.gguf"
SMALL: dict[str, Any] = {"window": 64, "windows": 6, "rounds": 1, "prompt_tokens": 64, "threads": 1}
OPEN: dict[str, Any] = {"max_perplexity_increase": 1000.0, "min_agreement": 0.0}
"""Random weights lose more than trained ones: the usual limits are not about them."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("export-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMATE_EXPORT_HOME", str(folder))
        yield folder


def export(out: Path, **options: Any) -> Path:
    chosen = {"types": "f16,q8_0,q4_0", **SMALL, **OPEN, **options}
    return generator.export_generator(str(TINY), Options(out=out, **chosen), lambda _: None)


@pytest.fixture(scope="module")
def exported(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One export, with answers: made once, only looked at."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "manual.md").write_text("# Pump\n\nThe pump is bled by opening valve V3 for 20 seconds.\n")
    asked = [
        {"question": "How long is valve V3 opened to bleed the pump?", "answer": "By opening valve V3 for 20 seconds."}
    ]
    (folder / "asked.jsonl").write_text("\n".join(map(json.dumps, asked)))
    return export(folder / "out", questions=folder / "asked.jsonl", documents=(folder / "manual.md",))


def rows(out: Path) -> dict[str, dict[str, Any]]:
    return {row["type"]: row for row in json.loads((out / "report.json").read_text("utf-8"))["rows"]}


def manifest(out: Path, kind: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((out / f"tiny-{kind}" / files.MANIFEST).read_text("utf-8"))
    return read


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_type_becomes_an_artifact_and_nothing_else_is_left(exported: Path) -> None:
    kinds = ("f16", "q4_0", "q8_0")
    found = sorted(path.name for path in exported.iterdir())
    plots = [name for name in found if name.startswith("plot-")]
    assert len(plots) == 3
    assert [name for name in found if name not in plots] == [
        "report.json", "report.md", *(f"tiny-{kind}" for kind in kinds)
    ]  # fmt: skip
    for kind in kinds:
        assert sorted(path.name for path in (exported / f"tiny-{kind}").iterdir()) == [
            "manifest.json",
            f"tiny-{kind}.gguf",
        ]
    assert not [path.name for path in exported.parent.iterdir() if path.name.startswith(".")]


def test_the_users_own_file_is_copied_and_not_linked(exported: Path) -> None:
    copied = exported / "tiny-f16" / "tiny-f16.gguf"
    assert copied.read_bytes() == TINY.read_bytes()
    assert copied.stat().st_ino != TINY.stat().st_ino


def test_the_tensors_have_the_type_that_was_asked_for(exported: Path) -> None:
    for kind in ("q8_0", "q4_0"):
        path = exported / f"tiny-{kind}" / f"tiny-{kind}.gguf"
        types = header.read(path, kind).types
        assert types == manifest(exported, kind)["recipe"]["tensor_types"]
        assert set(types) <= {kind, "f32", "q8_0", "q6_k"}
        assert types[kind] > types["f32"]


def test_fewer_bits_are_smaller_and_farther_from_the_reference(exported: Path) -> None:
    found = rows(exported)
    assert found["f16"]["bytes"] > found["q8_0"]["bytes"] > found["q4_0"]["bytes"]
    assert found["f16"]["kl"] == 0 < found["q8_0"]["kl"] < 0.02 < found["q4_0"]["kl"]
    assert found["f16"]["agreement"] == 1 > found["q8_0"]["agreement"] > found["q4_0"]["agreement"]
    assert abs(found["q8_0"]["perplexity_increase"]) < 5


def test_every_row_has_every_measurement_and_what_it_was_made_on(exported: Path) -> None:
    for row in rows(exported).values():
        for name in ("load", "prefill_rate", "decode_rate", "peak_memory", "perplexity"):
            assert row[name] > 0, name
        assert (row["window"], row["windows"], row["tokens"], row["threads"]) == (64, 6, 192, 1)
        assert row["text"] == "sentences.txt"
        assert row["answer_f1"] > 0.5  # from the passage itself: random weights word nothing
        assert row["questions"] == 1


def test_the_report_says_how_it_was_measured(exported: Path) -> None:
    text = (exported / "report.md").read_text("utf-8")
    assert "6 windows of 64 tokens" in text
    assert "the last 32 tokens of each count, 192 in all" in text
    assert "unquantized GGUF file: nothing was converted" in text
    assert "![Quality against size](plot-" in text


def test_a_manifest_holds_hashes_recipe_tools_licence_and_quality_but_no_time_or_path(exported: Path) -> None:
    found = manifest(exported, "q4_0")
    assert (found["id"], found["role"], found["format"], found["licence"]) == (
        "tiny-q4_0",
        "generator",
        "gguf",
        "Apache-2.0",
    )
    assert found["files"] == files.describe_files(exported / "tiny-q4_0", "tiny-q4_0.gguf")
    assert found["source"]["sha256"] == files.sha256_of(TINY)
    assert found["tools"]["llama-cpp-python"] == "0.3.36"
    assert {"perplexity", "perplexity_increase", "kl", "agreement", "text_sha256"} <= set(found["quality"])
    words = json.dumps(found)
    assert not {"load", "prefill_rate", "peak_memory"} & set(found["quality"])
    assert str(exported.parent) not in words
    assert str(ROOT) not in words


def test_the_library_imports_the_folder_as_it_is_and_the_engine_runs_it(exported: Path, tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path / "models", load_catalogue())
    assert sorted(each.id for each in library.import_from(exported)) == ["tiny-f16", "tiny-q4_0", "tiny-q8_0"]
    engine = LlamaGenerator(library.path_of("tiny-q8_0"), "tiny-q8_0", context_tokens=128)
    pieces = list(engine.generate(Prompt("Answer.", ("A pump.",), "What?"), max_tokens=4))
    engine.close()
    assert pieces


def test_the_same_input_gives_the_same_bytes(exported: Path, home: Path, tmp_path: Path) -> None:
    again = export(tmp_path / "again")
    for kind in ("f16", "q8_0", "q4_0"):
        first, second = (tree(out / f"tiny-{kind}") for out in (exported, again))
        assert first[f"tiny-{kind}.gguf"] == second[f"tiny-{kind}.gguf"]
        one, two = (json.loads(each[files.MANIFEST]) for each in (first, second))
        del one["quality"]["answer_f1"]
        assert one == two


def test_a_type_that_fails_its_gate_is_reported_and_not_published(home: Path, tmp_path: Path) -> None:
    with pytest.raises(QualityError, match=r"tiny-q4_0 \(agreement .*at least 0\.900"):
        export(tmp_path / "out", types="q8_0,q4_0", min_agreement=0.9)
    assert (tmp_path / "out" / "tiny-q8_0" / files.MANIFEST).is_file()
    assert not (tmp_path / "out" / "tiny-q4_0").exists()
    assert "agreement" in rows(tmp_path / "out")["q4_0"]["refused"]
    assert rows(tmp_path / "out")["q8_0"]["refused"] is None


def test_a_finished_export_is_replaced_only_by_force(exported: Path, home: Path) -> None:
    before = tree(exported)
    with pytest.raises(SourceError, match="--force"):
        export(exported)
    assert tree(exported) == before


@pytest.mark.parametrize("name", ["thesis.tex", "tiny-q8_0/thesis.tex"])
def test_somebody_elses_files_are_not_replaced_even_by_force(home: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("x")
    with pytest.raises(SourceError, match=r"thesis\.tex"):
        export(tmp_path / "out", force=True)
    assert path.read_text() == "x"


def test_a_name_of_the_catalogues_is_not_taken(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--name"):
        export(tmp_path / "out", name="smollm2-360m-instruct", types="q8_0")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"types": "q8_0,q9"}, "There is no type 'q9'"),
        ({"types": ","}, "There is no type"),
        ({"text": Path("missing.txt")}, "no missing.txt"),
        ({"questions": TINY}, "--questions and --documents belong together"),
        ({"text": TINY}, "no UTF-8 text"),
        ({"window": 4096}, "trained on 2048 tokens"),
        ({"text": TINY.parent / "source" / "chat_template.jinja", "window": 1024}, "longer one with --text"),
    ],
)
def test_wrong_options_are_a_sentence_and_leave_nothing(
    home: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SourceError, match=words):
        export(tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_a_disk_or_memory_too_small_is_found_before_anything_is_made(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=r"make room"):
        room.check(Need(disk=10**18, memory=0), tmp_path / "not" / "there")
    with pytest.raises(SourceError, match=r"memory"):
        room.check(Need(disk=0, memory=10**18), tmp_path)
    monkeypatch.setattr(generator_steps, "KEPT", 10**18)
    with pytest.raises(SourceError, match=r"will take about"):
        export(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_float16_file_that_is_not_what_its_source_says_stops_the_export() -> None:
    plan = type("Plan", (), {"scored": 10})()
    job = type("Job", (), {"name": "tiny"})()
    sound = generator_gguf.conversion(job, plan, [10.0, 10.0], {"reference_nll": [10.0, 10.0]})
    assert sound["conversion_gap"] == 0
    for shifted in ([10.1, 10.1], [9.9, 9.9], [float("nan"), 10.0]):
        with pytest.raises(ConversionError, match="the conversion is wrong"):
            generator_gguf.conversion(job, plan, shifted, {"reference_nll": [10.0, 10.0]})


STAGES = ("Quantizing to q8_0", "Reading sentences.txt with tiny-q8_0", "Measuring speed")


def start(out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "export", "generator", str(TINY), "--types", "q8_0", "--out", str(out)]
    command += ["--window", "64", "--windows", "40", "--rounds", "200"]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def wait_for(running: subprocess.Popen[str], words: str) -> None:
    assert running.stderr is not None
    for line in running.stderr:
        if words in line:
            time.sleep(0.1)
            return
    raise AssertionError(f"the export ended before {words!r}")


@pytest.mark.parametrize("stage", STAGES)
def test_a_termination_at_any_stage_leaves_nothing(home: Path, tmp_path: Path, stage: str) -> None:
    running = start(tmp_path / "out")
    wait_for(running, stage)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_a_kill_leaves_no_artifact_and_the_next_run_starts_clean(home: Path, tmp_path: Path) -> None:
    running = start(tmp_path / "out")
    wait_for(running, STAGES[1])
    running.kill()
    running.communicate(timeout=60)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob(files.MANIFEST))
    export(tmp_path / "out", types="q8_0")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "export", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_says_one_sentence_and_its_exit_code(home: Path, tmp_path: Path) -> None:
    assert "Example:\n    python -m export generator" in run("generator", "--help").stdout
    assert run("generator", TINY).returncode == 2
    missing = run("generator", tmp_path / "x", "--out", tmp_path / "out")
    assert (missing.returncode, missing.stdout) == (3, "")
    damaged = tmp_path / "cut.gguf"
    shutil.copyfile(TINY, damaged)
    os.truncate(damaged, 5000)
    refused = run("generator", damaged, "--out", tmp_path / "out")
    assert refused.returncode == 4
    for done in (missing, refused):
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().splitlines()[-1].endswith(".")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.gguf"]


# Other artifacts beside


def test_another_artifact_is_measured_in_the_same_run_and_left_as_it_is(
    home: Path, exported: Path, tmp_path: Path
) -> None:
    other = exported / "tiny-f16-q4_0" if (exported / "tiny-f16-q4_0").is_dir() else next(exported.glob("*-q4_0"))
    before = {path.name: path.read_bytes() for path in other.iterdir()}
    out = export(tmp_path / "out", types="f16", beside=(other,), name="new")
    found = {row["variant"]: row for row in json.loads((out / "report.json").read_text("utf-8"))["rows"]}
    assert [*found] == ["new-f16", other.name]
    assert found[other.name]["perplexity"] > 0 < found[other.name]["decode_rate"]
    assert "refused" not in found[other.name]
    assert not (out / other.name).exists()
    assert "not made here" in (out / "report.md").read_text("utf-8")
    assert {path.name: path.read_bytes() for path in other.iterdir()} == before


def test_what_is_no_artifact_is_refused_before_anything_is_made(home: Path, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no artifact with a manifest"):
        export(tmp_path / "out", beside=(tmp_path,))
    other = next(exported.glob("*-q8_0"))
    with pytest.raises(SourceError, match="would be measured twice"):
        export(tmp_path / "out", types="f16", beside=(other, other))
    assert [*tmp_path.iterdir()] == []
