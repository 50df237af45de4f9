from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from assistant.answering.confidence import calibration
from assistant.artifacts.manifest import MANIFEST
from assistant.health import Finding, examine
from assistant.settings import EmbedderSettings, GeneratorSettings, Settings
from assistant.wiring import Parts

GGUF = struct.pack("<4sIQQ", b"GGUF", 3, 0, 0) + bytes(1000)


def of(findings: list[Finding], subject: str) -> Finding:
    """The last finding about a subject: what a later look found replaces nothing, it follows."""
    return [finding for finding in findings if finding.subject == subject][-1]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()} if folder.exists() else {}


@pytest.fixture
def whole(tiny_settings: Settings, tmp_path: Path) -> Settings:
    """Everything is here: an embedder, a file that passes for a generator, a knowledge base of one manual."""
    folder = tiny_settings.models / "own"
    folder.mkdir()
    (folder / "model.gguf").write_bytes(GGUF)
    file = {"path": "model.gguf", "bytes": len(GGUF), "sha256": hashlib.sha256(GGUF).hexdigest()}
    manifest = {"schema": 1, "id": "own", "role": "generator", "format": "gguf", "licence": "MIT", "files": [file]}
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    (tmp_path / "a.md").write_text("# Pump\n\nError E07: the pump runs dry.\n\n## Valve\n\nOpen the valve.\n")
    settings = msgspec.structs.replace(tiny_settings, generator=GeneratorSettings(id="own"))
    parts = Parts(settings)
    assert [report.outcome for report in parts.adder.add([tmp_path / "a.md"])] == ["added"]
    parts.close()
    return settings


def test_on_a_machine_that_is_fit_nothing_is_a_problem(whole: Settings) -> None:
    findings = examine(whole)
    assert [finding for finding in findings if finding.state == "problem"] == []
    assert {finding.subject for finding in findings} == {
        "processor", "memory", "disk", "embedder", "calibration", "generator", "tuning", "knowledge base", "index",
        "passage states",
    }  # fmt: skip


def test_an_embedder_that_confidence_was_not_fitted_with_is_named_and_keeps_nobody_from_answering(
    whole: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = of(examine(whole), "calibration")
    assert (finding.state, finding.exit_code) == ("note", 0)
    assert calibration().measured.embedder.rpartition(":")[0] in finding.message
    assert whole.embedder.id in finding.message
    monkeypatch.setattr(Parts, "chosen", calibration().measured.embedder)
    assert of(examine(whole), "calibration").state == "ok"


def test_what_is_fine_has_no_exit_code(whole: Settings) -> None:
    assert {finding.exit_code for finding in examine(whole)} == {0}


def test_the_knowledge_base_is_counted(whole: Settings) -> None:
    assert of(examine(whole), "knowledge base").message.startswith("1 documents, 2 passages")
    assert of(examine(whole), "index").message.startswith("2 vectors")


def test_an_examination_changes_nothing(whole: Settings) -> None:
    before = tree(whole.home)
    examine(whole)
    after = tree(whole.home)
    assert {name for name in before if before[name] != after.get(name)} == set()
    # What was hashed is noted so that the next start need not do it again; nothing else appears.
    assert all("/.verified/" in name for name in after.keys() - before.keys())


def test_a_machine_without_anything_gets_no_data_folder(tmp_path: Path) -> None:
    examine(Settings(data_dir=tmp_path / "none"))
    assert not (tmp_path / "none" / "knowledge.db").exists()


def test_a_missing_generator_is_a_problem_with_the_command_that_mends_it(tiny_settings: Settings) -> None:
    finding = of(examine(tiny_settings), "generator")
    assert (finding.state, finding.exit_code) == ("problem", 4)
    assert "fieldmate models pull smollm2-135m-instruct" in finding.message


def test_a_damaged_generator_is_a_problem_that_names_both_hashes(whole: Settings) -> None:
    (whole.models / "own" / "model.gguf").write_bytes(GGUF[:-1] + b"x")
    finding = of(examine(whole), "generator")
    assert (finding.state, finding.exit_code) == ("problem", 4)
    assert len(re.findall(r"\b[0-9a-f]{64}\b", finding.message)) == 2


def test_a_generator_that_would_not_load_does_not_take_the_examination_down(whole: Settings) -> None:
    # Its bytes are right, and llama.cpp could not load them: that is not tried here.
    assert of(examine(whole), "generator").state == "ok"


def test_an_unknown_generator_is_a_problem_of_usage(tiny_settings: Settings) -> None:
    settings = msgspec.structs.replace(tiny_settings, generator=GeneratorSettings(id="no-such-model"))
    assert (of(examine(settings), "generator").state, of(examine(settings), "generator").exit_code) == ("problem", 2)


def test_without_a_knowledge_base_it_says_how_to_make_one_and_that_is_no_problem(tiny_settings: Settings) -> None:
    finding = of(examine(tiny_settings), "knowledge base")
    assert (finding.state, finding.exit_code) == ("note", 0)
    assert "fieldmate add PATH" in finding.message


def test_an_embedder_that_was_chosen_but_does_not_serve_yet_is_named(whole: Settings) -> None:
    other = whole.models / "other"
    shutil.copytree(whole.models / "tiny-embedder", other)
    with (other / "model.onnx").open("ab") as file:  # an unknown field more: another hash, the same graph
        file.write(b"\xfa\x3f\x01x")
    data = (other / "model.onnx").read_bytes()
    manifest = msgspec.json.decode((other / MANIFEST).read_bytes()) | {"id": "other"}
    manifest["files"][0] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (other / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    findings = examine(msgspec.structs.replace(whole, embedder=EmbedderSettings(id="other")))
    notes = [finding.message for finding in findings if finding.subject == "embedder" and finding.state == "note"]
    assert len(notes) == 1
    assert notes[0].startswith("Answers come from tiny-embedder:")
    assert notes[0].endswith("run `fieldmate sync` to change over.")
    assert of(findings, "index").state == "ok"


def test_a_flipped_byte_in_a_passage_is_a_problem(whole: Settings) -> None:
    with sqlite3.connect(whole.database) as connection:
        connection.execute("UPDATE passages SET text = replace(text, 'E07', 'E08')")
    connection.close()
    finding = of(examine(whole), "knowledge base")
    assert (finding.state, finding.exit_code) == ("problem", 5)


def test_a_file_that_is_no_knowledge_base_is_a_problem_and_the_rest_is_still_looked_at(whole: Settings) -> None:
    whole.database.write_bytes(b"not a database" * 1000)
    findings = examine(whole)
    assert (of(findings, "knowledge base").state, of(findings, "knowledge base").exit_code) == ("problem", 5)
    assert of(findings, "generator").state == "ok"


@pytest.fixture
def read_only(whole: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The same in a folder that is mounted read-only: what a kiosk with a protected disk has."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    shutil.copytree(whole.home, folder, dirs_exist_ok=True)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    yield msgspec.structs.replace(whole, data_dir=folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_read_only_folder_is_said_so_and_answers_all_the_same(read_only: Settings) -> None:
    findings = examine(read_only)
    notes = [finding.message for finding in findings if finding.subject == "knowledge base" and finding.state == "note"]
    assert len(notes) == 1
    assert "cannot be written: questions work, adding does not" in notes[0]
    assert [finding for finding in findings if finding.state == "problem"] == []


def test_every_finding_is_a_sentence(whole: Settings, tiny_settings: Settings, tmp_path: Path) -> None:
    for settings in (whole, tiny_settings, Settings(data_dir=tmp_path / "none")):
        for finding in examine(settings):
            assert finding.message.endswith(".")
            assert "\n" not in finding.message


def test_every_problem_has_an_exit_code_and_nothing_else_has(whole: Settings, tmp_path: Path) -> None:
    (whole.models / "own" / "model.gguf").unlink()
    for settings in (whole, Settings(data_dir=tmp_path / "none")):
        for finding in examine(settings):
            assert (finding.exit_code in (2, 3, 4, 5)) == (finding.state == "problem")
