from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import tuning, wiring
from assistant.errors import ModelDamaged, StorageError, UsageError
from assistant.health import Finding, examine
from assistant.settings import GeneratorSettings, Settings
from assistant.trials import Row, Sample, candidates, tune, ways
from assistant.tuning import Basis, Choice, Tuning, basis, find, keep
from assistant.wiring import Parts, built_in, cores
from tests.artifacts.tiny import TINY_GENERATOR, own_generator

MODEL = "ab" * 32
CHOICE = Choice(3, 5, 128, 7)
FILE = "tuning.json"
TRIAL = (sys.executable, "-m", "assistant.cli.trial")


def measured(model: str = MODEL, **changes: object) -> Tuning:
    return Tuning(
        msgspec.structs.replace(basis(model, cores()), **changes), CHOICE, False, 0.8, "2026-11-22T10:00:00+00:00"
    )


def about_tuning(settings: Settings) -> list[Finding]:
    return [finding for finding in examine(settings) if finding.subject == "tuning"]


@pytest.fixture
def own(tiny_settings: Settings) -> Settings:
    return own_generator(tiny_settings, TINY_GENERATOR.read_bytes())


def model_of(settings: Settings) -> str:
    return Parts(settings).library.installed("own").sha256


# What is kept


def test_nothing_is_kept_before_anything_was_measured(tmp_path: Path) -> None:
    assert find(tmp_path, MODEL, cores()) == tuning.Found(None)


def test_what_was_kept_is_found_and_replaces_the_earlier_one_of_its_model_only(tmp_path: Path) -> None:
    other = measured("cd" * 32)
    keep(tmp_path, measured())
    keep(tmp_path, other)
    keep(tmp_path, msgspec.structs.replace(measured(), share=0.5))
    assert find(tmp_path, MODEL, cores()).tuning == msgspec.structs.replace(measured(), share=0.5)
    assert find(tmp_path, "cd" * 32, cores()).tuning == other


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"processor": "another"}, "another processor"),
        ({"cores": cores() + 1}, "another number of cores"),
        ({"library": "0.0.1"}, "llama-cpp-python 0.0.1"),
        ({"model": "cd" * 32}, "another generator"),
    ],
)
def test_what_was_measured_with_anything_else_is_not_used_and_named(
    tmp_path: Path, changes: dict[str, object], named: str
) -> None:
    keep(tmp_path, measured(**changes))
    found = find(tmp_path, MODEL, cores())
    assert found.tuning is None
    assert named in found.note
    assert found.note.endswith("run `fieldmate doctor --tune` to measure again.")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 2, "sha256": "", "tunings": []}'])
def test_a_file_that_is_no_tuning_is_not_used_and_can_be_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    found = find(tmp_path, MODEL, cores())
    assert found.tuning is None
    assert "not used" in found.note
    keep(tmp_path, measured())
    assert find(tmp_path, MODEL, cores()).tuning == measured()


def test_no_changed_byte_is_ever_taken_for_a_measurement(tmp_path: Path) -> None:
    keep(tmp_path, measured())
    content = (tmp_path / FILE).read_bytes()
    for place in range(len(content)):
        for other in (content[place] ^ 1, ord("9")):
            (tmp_path / FILE).write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
            assert find(tmp_path, MODEL, cores()).tuning in (None, measured())


def test_a_folder_in_its_place_is_a_note(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    assert "cannot be read" in find(tmp_path, MODEL, cores()).note


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, measured())
    before = (tmp_path / FILE).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="full"):
        keep(tmp_path, msgspec.structs.replace(measured(), share=0.5))
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


# Where it is used


def test_a_measurement_is_used_where_the_settings_are_0(own: Settings) -> None:
    assert Parts(own).choice == built_in(cores())
    keep(own.home, measured(model_of(own)))
    assert Parts(own).choice == CHOICE


def test_settings_win_over_a_measurement(own: Settings) -> None:
    keep(own.home, measured(model_of(own)))
    settings = msgspec.structs.replace(own, generator=GeneratorSettings(id="own", decode_threads=2))
    assert Parts(settings).choice == msgspec.structs.replace(CHOICE, decode_threads=2)
    assert "as the settings say" in about_tuning(settings)[-1].message


def test_a_generator_is_loaded_with_what_was_measured(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(own.home, measured(model_of(own)))
    seen: dict[str, object] = {}
    monkeypatch.setattr(wiring, "_engine", lambda *_: lambda *_, **given: seen.update(given))
    monkeypatch.setenv("GOMP_SPINCOUNT", "")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    Parts(own)._loaded_generator()
    assert (seen["decode_threads"], seen["prefill_threads"], seen["batch_tokens"]) == (3, 5, 128)
    assert os.environ["GOMP_SPINCOUNT"] == "7"


def test_what_the_environment_says_of_waiting_stays(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "12")
    Parts(own).generator_with(CHOICE).close()
    assert os.environ["GOMP_SPINCOUNT"] == "12"


def test_the_doctor_says_what_is_in_use_since_when_and_what_is_not_used_why(own: Settings) -> None:
    (plain,) = about_tuning(own)
    assert (plain.state, "doctor --tune" in plain.message) == ("ok", True)
    keep(own.home, measured(model_of(own)))
    (used,) = about_tuning(own)
    assert used.state == "ok"
    assert "5 read in batches of 128 tokens, 3 write" in used.message
    assert "2026-11-22" in used.message
    (own.home / FILE).write_bytes(b"{")
    note, still = about_tuning(own)
    assert (note.state, still.state) == ("note", "ok")
    assert "damaged" in note.message


# How it is chosen


def rounds(shares: dict[tuple[int, int], float], count: int = 2) -> list[Row]:
    """Rounds on two cores in which (threads, spins) take these multiples of 1 ms for each token."""
    return [
        {one: Sample(shares[one.decode_threads, one.spins], shares[one.decode_threads, one.spins])
         for one in ways(built_in(2), 2)}
        for _ in range(count)
    ]  # fmt: skip


EVEN = {(threads, spins): 1.0 for threads in (1, 2) for spins in (0, 10_000, 300_000)}


def test_what_is_not_clearly_better_is_no_candidate() -> None:
    assert candidates(rounds(EVEN), built_in(2)) == []
    assert candidates(rounds(EVEN | {(2, 10_000): 0.96}), built_in(2)) == []


def test_what_is_clearly_better_is_a_candidate_the_best_first() -> None:
    found = candidates(rounds(EVEN | {(2, 10_000): 0.9, (2, 300_000): 0.5}), built_in(2))
    assert [(one.decode_threads, one.prefill_threads, one.spins) for one in found] == [
        (2, 2, 300_000), (2, 2, 10_000),
    ]  # fmt: skip


def test_reading_and_writing_have_threads_of_their_own() -> None:
    made = rounds(EVEN)
    for row in made:
        for one in row:
            if one.spins == 10_000:
                row[one] = Sample(1 / one.prefill_threads, float(one.decode_threads))
    assert candidates(made, built_in(2)) == [Choice(1, 2, 512, 10_000)]


def test_a_way_that_was_given_up_is_no_candidate() -> None:
    made = rounds(EVEN)
    for row in made:
        for one in row:
            if one.spins:
                row[one] = Sample(math.inf, math.inf)
    assert candidates(made, built_in(2)) == []


@given(st.integers(1, 64))
def test_the_built_in_way_can_be_told_from_what_is_tried(count: int) -> None:
    default = built_in(count)
    tried = ways(default, count)
    threads = {(one.decode_threads, one.spins) for one in tried}
    assert {(default.decode_threads, default.spins), (default.prefill_threads, default.spins)} <= threads
    assert len(set(tried)) == len(tried) <= 12


# Measuring, with a real generator in real processes


def test_a_measurement_is_kept_and_says_what_it_holds_for(own: Settings) -> None:
    said: list[str] = []
    found, outcome = tune(own, TRIAL, said.append)
    assert find(own.home, model_of(own), cores()).tuning == found
    assert found.basis == Basis(basis("", 1).processor, cores(), model_of(own), basis("", 1).library)
    assert found.built_in == (found.choice == built_in(cores()))
    assert said
    assert all(sample.read_ms > 0 and sample.written_ms >= 0 for sample in outcome.medians.values())


def test_a_way_that_takes_far_longer_than_the_built_in_one_is_given_up(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.trials._ENOUGH_S", 0)
    script = tmp_path / "child.py"
    script.write_text(
        "import json, os, sys, time\n"
        "order = json.load(sys.stdin)\n"
        "if os.environ['GOMP_SPINCOUNT'] == '300000': time.sleep(600)\n"
        "print(json.dumps([{'read_ms': 1, 'written_ms': 1} for _ in order['choices']]))\n"
    )
    found, outcome = tune(own, (sys.executable, str(script)))
    assert found.built_in
    assert outcome.medians
    assert not any("300000" in name for name in outcome.medians)


def test_a_child_that_fails_is_an_error_with_its_reason(own: Settings) -> None:
    with pytest.raises(ModelDamaged, match="no such thing"):
        tune(own, (sys.executable, "-c", "import sys; sys.exit('no such thing')"))
    assert not (own.home / FILE).exists()


def test_a_generator_of_another_format_has_nothing_to_measure(own: Settings) -> None:
    folder, data = own.models / "own", b"LITERTLM" + bytes(100)
    (folder / "model.litertlm").write_bytes(data)
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    manifest["format"] = "litertlm"
    manifest["files"] = [{"path": "model.litertlm", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}]
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(UsageError, match="nothing to measure"):
        tune(own, TRIAL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_measurement_keeps_nothing_and_leaves_no_process(
    own: Settings, number: signal.Signals, code: int
) -> None:
    keep(own.home, measured())
    before = (own.home / FILE).read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-c", "from assistant.cli.main import main; main()", "doctor", "--tune", "--data-dir",
         str(own.home), "--generator", "own"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("FIELDMATE_")},
    )  # fmt: skip
    assert process.stderr is not None
    assert "round 1" in process.stderr.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "runs as before" in errors
    assert (own.home / FILE).read_bytes() == before
    assert {path.name for path in own.home.iterdir()} <= {FILE, "models"}
    deadline = time.monotonic() + 30
    while _of_session(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _of_session(session: int) -> list[int]:
    """Processes that are left of it, but for those that only wait to be reaped."""
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            left.append(int(folder.name))
    return left
