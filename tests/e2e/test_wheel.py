"""The wheel: what is in it, and that it works where there is no checkout."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

from tests.e2e.machine import MODELS, REPOSITORY, SMALL, Machine, write_folder

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed, and building in isolation would need the package index")
    folder = tmp_path_factory.mktemp("wheel")
    with FileLock(folder.parent / "build.lock"):
        built = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def test_only_the_assistant_with_catalogue_and_embedder_is_in_it(wheel: Path) -> None:
    assert re.fullmatch(r"fieldmate-[\d.]+\w*-py3-none-any\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"assistant", "fieldmate"}
    models = {name for name in names if name.startswith("assistant/_models/")}
    embedder = "assistant/_models/all-minilm-l6-v2-int8/"
    assert models >= {
        "assistant/_models/catalogue.toml",
        *(embedder + name for name in ("model.onnx", "tokenizer.json", "manifest.json")),
    }
    assert all(name.startswith(embedder) for name in models - {"assistant/_models/catalogue.toml"})
    code = {name for name in names if name.startswith("assistant/")} - models
    assert {Path(name).suffix for name in code} <= {".py", ".toml", ".typed"}
    in_checkout = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "assistant").rglob("*.py")}
    assert {name for name in code if name.endswith(".py")} == in_checkout
    for other in ("tests/", "export/", "benchmarks/", "samples/", "__pycache__"):
        assert not [name for name in names if other in name]
    assert "fieldmate = assistant.cli.main:main" in entry_points
    assert "License-Expression: Apache-2.0" in metadata
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    required = re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", metadata, re.MULTILINE)
    assert not {"torch", "transformers", "sentence-transformers", "optimum"} & set(required)


def test_it_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """The dependencies are borrowed from this environment; of Fieldmate there is only the wheel."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index",
         "--disable-pip-version-check", str(wheel)],
        check=True,
    )  # fmt: skip
    packages = next((environment / "lib").glob("python*/site-packages"))
    # Folders named in a .pth file are searched, but the .pth files inside them, an editable checkout's, are not read.
    borrowed = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    machine = Machine(tmp_path / "machine", command=[str(environment / "bin" / "fieldmate")])
    try:
        check_it_works(machine, python, tmp_path)
    finally:
        machine.close()


def check_it_works(machine: Machine, python: Path, folder: Path) -> None:
    where = subprocess.run(
        [python, "-c", "import assistant; print(assistant.__file__)"],
        env=machine.environment(), cwd=folder, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert Path(where.strip()).is_relative_to(python.parents[1])
    assert "Example:" in machine.done("--help").out
    examined = machine.run("doctor")
    assert "all-minilm-l6-v2-int8 is here and has the right bytes" in examined.out
    notes = write_folder(folder / "notes", 2, sections=2)
    assert machine.done("add", notes).out.startswith("2 added")
    assert "L-011" in machine.done("search", "L-011", "-k", "1").out
    if not (MODELS / SMALL / "manifest.json").exists():
        pytest.skip(f"added and searched, not asked: {SMALL} is not in {MODELS}")
    answer = machine.done("ask", "What does fault L-011 mean?", "--json", "--generator", SMALL).json
    assert (answer["status"], answer["model"]) == ("answered", SMALL)
    assert answer["citations"][0]["document"] == "note-01.md"
    assert machine.strays() == []


@pytest.mark.engine
@pytest.mark.timeout(1800)
def test_it_installs_into_an_empty_environment_with_all_it_needs(wheel: Path, tmp_path: Path) -> None:
    """As a user does it: pip fetches the dependencies, and llama.cpp is compiled."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], check=True)
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout.lower()
    assert "llama_cpp_python" in listed.replace("-", "_")
    for heavy in ("torch", "transformers", "sentence-transformers", "optimum", "pytest"):
        assert not re.search(rf"^{heavy}\s", listed, re.MULTILINE)
    machine = Machine(tmp_path / "machine", command=[str(environment / "bin" / "fieldmate")])
    try:
        check_it_works(machine, python, tmp_path)
    finally:
        machine.close()
    shutil.rmtree(environment)
