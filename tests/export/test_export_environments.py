"""Toolchain environments: what names them, what their requirements admit, and what a cut leaves behind."""

import re
import shutil
from pathlib import Path

import pytest

from export import environments
from export.environments import EMBEDDER, MARKER
from export.errors import ToolchainError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDMATE_EXPORT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def requirement_blocks(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_the_home_is_the_environment_variables_folder(home: Path) -> None:
    assert environments.location(EMBEDDER).is_relative_to(home)


def test_another_python_has_another_environment() -> None:
    names = {environments.folder_name(EMBEDDER, version) for version in ((3, 11), (3, 12))}
    assert len(names) == 2
    assert all(re.fullmatch(r"embedder-[0-9a-f]{12}-py3\.1[12]", name) for name in names)


@pytest.mark.parametrize("changed", ["embedder.txt", "torch-cpu.txt"])
def test_other_requirements_have_another_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    before = environments.folder_name(EMBEDDER)
    shutil.copytree(environments.TOOLCHAINS, tmp_path / "toolchains")
    monkeypatch.setattr(environments, "TOOLCHAINS", tmp_path / "toolchains")
    assert environments.folder_name(EMBEDDER) == before
    with (tmp_path / "toolchains" / changed).open("a") as file:
        file.write("# one more line\n")
    assert environments.folder_name(EMBEDDER) != before


def test_every_requirement_is_pinned_and_hashed() -> None:
    for toolchain in environments.ALL:
        for path in (toolchain.requirements, toolchain.cpu_torch):
            for block in requirement_blocks(path.read_text(encoding="utf-8")):
                assert re.match(r"[a-z0-9-]+==[0-9][^ ]*", block), block
                assert "--hash=sha256:" in block


def test_no_cuda_package_is_required_and_the_cpu_build_is_admitted() -> None:
    text = EMBEDDER.requirements.read_text(encoding="utf-8")
    blocks = requirement_blocks(text)
    assert not [block for block in blocks if block.startswith(("nvidia", "cuda", "triton"))]
    torch = next(block for block in blocks if block.startswith(f"torch=={EMBEDDER.torch}"))
    cpu = re.findall(r"sha256:[0-9a-f]{64}", EMBEDDER.cpu_torch.read_text(encoding="utf-8"))
    assert cpu
    assert all(value in torch for value in cpu)


def test_an_environment_without_its_marker_is_not_ready(home: Path) -> None:
    place = environments.location(EMBEDDER)
    python = environments.python_of(place)
    python.parent.mkdir(parents=True)
    python.touch()
    assert not environments.is_ready(place)
    (place / MARKER).write_text("{}")
    assert environments.is_ready(place)


def test_a_ready_environment_is_reused_without_a_word(home: Path) -> None:
    python = environments.python_of(environments.location(EMBEDDER))
    python.parent.mkdir(parents=True)
    python.touch()
    (environments.location(EMBEDDER) / MARKER).write_text("{}")
    said: list[str] = []
    assert environments.ensure(EMBEDDER, said.append) == python
    assert said == []


def test_a_failed_installation_leaves_no_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real pip, cut off from every index: what a machine without a network sees.
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    half = environments.location(EMBEDDER).with_name(environments.folder_name(EMBEDDER) + ".partial")
    half.mkdir(parents=True)
    (half / "left-by-a-killed-run").touch()
    said: list[str] = []
    with pytest.raises(ToolchainError, match="run again"):
        environments.ensure(EMBEDDER, said.append)
    assert not list((home / "environments").iterdir())
    assert any("CPU build" in line for line in said)


def test_the_last_line_of_pips_output_says_why() -> None:
    assert environments.last_line("WARNING: x\nERROR: No matching distribution.\n\n") == "No matching distribution"
    assert environments.last_line("") == "no message"
