"""The gguf toolchain at work (engine): llama.cpp's converter and transformers on the tiny Llama.

FIELDMATE_EXPORT_HOME names a home whose toolchain is reused; without it one is made from nothing, which takes minutes.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from export import environments, files, generator
from export.errors import SourceError
from export.generator_job import Options
from export.gguf import building, converter, header
from export.gguf.building import Workshop
from export.gguf.types import TYPES
from export.measure import generator_reference
from export.measure.generator import Plan

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800), pytest.mark.xdist_group("gguf-toolchain")]

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "artifacts" / "tiny-generator"
GIVEN = os.environ.get("FIELDMATE_EXPORT_HOME")
SMALL: dict[str, Any] = {
    "types": "f16,q8_0,q4_k_m", "window": 64, "windows": 6, "rounds": 1, "prompt_tokens": 64, "threads": 2,
    "max_perplexity_increase": 1000.0, "min_agreement": 0.0, "licence": "Apache-2.0",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = Path(GIVEN) if GIVEN else tmp_path_factory.mktemp("export-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMATE_EXPORT_HOME", str(folder))
        yield folder


def export(source: Path, out: Path, **options: Any) -> Path:
    return generator.export_generator(str(source), Options(out=out, **{**SMALL, **options}), lambda _: None)


def report(out: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    return read


@pytest.fixture
def shop(home: Path, tmp_path: Path) -> Workshop:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Workshop(scratch, lambda _: None)


def test_a_folder_of_safetensors_is_converted_measured_and_agrees_with_transformers(home: Path, tmp_path: Path) -> None:
    out = export(TINY / "source", tmp_path / "out", name="tiny")
    found = {row["type"]: row for row in report(out)["rows"]}
    assert found["f32"]["variant"] == "float32 in transformers"
    assert found["f16"]["perplexity"] == pytest.approx(found["f32"]["perplexity"], rel=0.005)
    assert 0 < found["f16"]["kl"] < 1e-3 < found["q4_k_m"]["kl"]
    assert found["f16"]["agreement"] > 0.99
    manifest = json.loads((out / "tiny-f16" / files.MANIFEST).read_text("utf-8"))
    assert manifest["tools"]["llama.cpp"] == converter.COMMIT
    assert {"torch", "transformers"} <= set(manifest["quality"]["reference_tools"])
    assert manifest["quality"]["same_tokens"] is True
    assert manifest["quality"]["reference"] == "float32 weights in transformers"
    assert sorted(manifest["source"]["files"]) == sorted(path.name for path in (TINY / "source").iterdir())


def test_the_committed_file_is_what_the_converter_makes_and_does_so_again(shop: Workshop, tmp_path: Path) -> None:
    shutil.copytree(TINY / "source", tmp_path / "folder")
    assert building.convert(shop, tmp_path / "folder", "tiny", "Apache-2.0", None).read_bytes() == (
        TINY / "tiny-f16.gguf"
    ).read_bytes()  # fmt: skip


def test_the_golden_numbers_are_what_transformers_says(shop: Workshop, home: Path) -> None:
    golden = json.loads((TINY / "golden.json").read_text("utf-8"))
    text = shop.scratch / "text.txt"
    text.write_text("x")
    plan = Plan(text, "text", shop.scratch, shop.progress, window=len(golden["windows"][0]))
    plan.windows_file.write_text(json.dumps(golden))
    said = generator_reference.read(plan, TINY / "source")
    assert said["reference_nll"] == pytest.approx(golden["nll"], rel=1e-5)
    assert said["same_tokens"] is False


def test_a_quantized_file_is_read_back_keeps_its_tokenizer_and_the_report_says_so(
    shop: Workshop, home: Path, tmp_path: Path
) -> None:
    source = building.quantize(shop, TINY / "tiny-f16.gguf", TYPES["q8_0"], tmp_path / "tiny-q8_0.gguf")
    out = export(source, tmp_path / "out", types="f16,q4_0")
    stored = report(out)
    assert any("reference was itself quantized" in note for note in stored["notes"])
    assert all(row["reference_quantized"] for row in stored["rows"])
    made, given = (header.read(path, "x").metadata for path in (out / "tiny-f16" / "tiny-f16.gguf", source))
    tokenizer = {key: value for key, value in given.items() if key.startswith("tokenizer.")}
    assert tokenizer.items() <= made.items()
    assert made["general.license"] == "apache-2.0"
    again = export(source, tmp_path / "again", types="f16,q4_0")
    for kind in ("f16", "q4_0"):
        for path in (out / f"tiny-{kind}").iterdir():
            assert path.read_bytes() == (again / path.parent.name / path.name).read_bytes(), path.name


def test_a_bundle_comes_the_same_way_and_its_perplexity_is_near_that_of_transformers(
    home: Path, tmp_path: Path
) -> None:
    for library in ("ai_edge_litert", "litert_lm"):
        pytest.importorskip(library, reason="the device environment has no LiteRT: install the extra litert")
    out = export(TINY / "source", tmp_path / "out", name="tiny", format="tflite")
    (row,) = [row for row in report(out)["rows"] if row["role"] == "generator"]
    assert abs(row["perplexity_increase"]) < 3
    assert 0 < row["kl"] < 0.02
    assert row["prefill_rate"] > 0 < row["decode_rate"]
    manifest = json.loads((out / "tiny-int8" / files.MANIFEST).read_text("utf-8"))
    assert (manifest["format"], manifest["files"][0]["path"]) == ("litertlm", "tiny-int8.litertlm")
    assert "litert-torch" in manifest["tools"]


def test_an_architecture_that_the_converter_does_not_know_is_a_sentence(home: Path, tmp_path: Path) -> None:
    shutil.copytree(TINY / "source", tmp_path / "folder")
    path = tmp_path / "folder" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "architectures": ["FancyForCausalLM"]}))
    with pytest.raises(SourceError, match="does not know the architecture FancyForCausalLM"):
        export(tmp_path / "folder", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_toolchain_needs_no_network_the_second_time(home: Path, tmp_path: Path) -> None:
    environments.ensure(environments.GGUF, lambda _: None)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "/dev/null"}
    command = [sys.executable, "-m", "export", "generator", str(TINY / "source"), "--out", str(tmp_path / "out")]
    command += ["--licence", "MIT", "--types", "f16", "--window", "64", "--windows", "4", "--rounds", "1"]
    command += ["--min-agreement", "0", "--prompt-tokens", "32"]
    subprocess.run(command, cwd=ROOT, env=os.environ | offline, check=True)
    assert (tmp_path / "out" / "source-f16" / files.MANIFEST).is_file()
