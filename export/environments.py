"""Isolated Python environments, one a toolchain, made on first use and reused without a network afterwards.

Knows requirement files, venv and pip. It does not know what a toolchain is for, and never installs into the
environment that it runs in. An environment is built under a temporary name; its marker is written last and then
it takes its final name, so one that exists is complete and an interrupted creation starts clean. It is used through
its interpreter only: the scripts in its bin folder still carry the temporary name.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from export.errors import ToolchainError
from export.files import write_json

TOOLCHAINS = Path(__file__).parent / "toolchains"
MARKER = "fieldmate-complete.json"

Progress = Callable[[str], None]
"""Takes one line for the person who waits."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A pinned set of packages that one converter needs."""

    name: str
    """Also the stem of its requirements file."""
    torch: str
    """Exact version of torch in it, of which a CPU build is looked for first."""
    gigabytes: float
    """Room that its environment takes on disk."""

    @property
    def requirements(self) -> Path:
        """The pinned and hashed requirements."""
        return TOOLCHAINS / f"{self.name}.txt"

    @property
    def cpu_torch(self) -> Path:
        """The requirement that names only CPU builds of torch."""
        return TOOLCHAINS / "torch-cpu.txt"


EMBEDDER = Toolchain(name="embedder", torch="2.13.0", gigabytes=1.3)
GGUF = Toolchain(name="gguf", torch="2.13.0", gigabytes=1.3)
TFLITE = Toolchain(name="tflite", torch="2.13.0", gigabytes=4.1)
ALL = (EMBEDDER, GGUF, TFLITE)


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of environments, downloads and locks: $FIELDMATE_EXPORT_HOME or in the user's cache."""
    named = environ.get("FIELDMATE_EXPORT_HOME")
    return Path(named).expanduser().resolve() if named else platformdirs.user_cache_path("fieldmate-export")


def folder_name(toolchain: Toolchain, version: tuple[int, int] = sys.version_info[:2]) -> str:
    """Return the name of a toolchain's environment: other requirements or another Python make another one."""
    digest = hashlib.sha256()
    for path in (toolchain.requirements, toolchain.cpu_torch):
        digest.update(path.read_bytes())
    return f"{toolchain.name}-{digest.hexdigest()[:12]}-py{version[0]}.{version[1]}"


def location(toolchain: Toolchain) -> Path:
    """Return where the toolchain's environment is or would be."""
    return home() / "environments" / folder_name(toolchain)


def python_of(environment: Path) -> Path:
    """Return the interpreter of an environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_ready(environment: Path) -> bool:
    """Return whether the environment is complete and its interpreter still starts from where it was."""
    return (environment / MARKER).is_file() and python_of(environment).exists()


def ensure(toolchain: Toolchain, progress: Progress) -> Path:
    """Return the interpreter of the toolchain's environment, creating the environment first where needed.

    Raises ToolchainError when packages cannot be installed or torch does not start.
    """
    final = location(toolchain)
    if is_ready(final):
        return python_of(final)
    lock = home() / "locks" / f"{final.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        if not is_ready(final):  # another process may have built it while this one waited
            _create(toolchain, final, progress)
    return python_of(final)


def _create(toolchain: Toolchain, final: Path, progress: Progress) -> None:
    partial = final.with_name(f"{final.name}.partial")
    for leftover in (partial, final):
        shutil.rmtree(leftover, ignore_errors=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        progress(f"Creating the {toolchain.name} toolchain (once, about {toolchain.gigabytes} GB and a few minutes) …")
        _make_venv(partial)
        _install(toolchain, python_of(partial), progress)
        _check_torch(toolchain, python_of(partial))
        write_json(partial / MARKER, {"toolchain": toolchain.name, "python": sys.version.split()[0]})
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    progress(f"The {toolchain.name} toolchain is ready and needs no network from now on.")


def _make_venv(target: Path) -> None:
    try:
        venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(target)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise ToolchainError(
            f"Python cannot create a virtual environment in {target.parent}; "
            "install the venv package of your system (python3-venv) and run again."
        ) from exc


def pip_command(python: Path, *arguments: str) -> list[str]:
    """Return the command that runs an environment's pip, undisturbed by the caller's PYTHON* variables."""
    return [os.fspath(python), "-I", "-m", "pip", "--disable-pip-version-check", *arguments]


def _install(toolchain: Toolchain, python: Path, progress: Progress) -> None:
    """Install the pinned packages and only those: pip resolves nothing, so no CUDA package comes along."""
    arguments = ("install", "--no-deps", "--require-hashes", "--no-input", "--quiet", "-r")
    progress(f"Looking for a CPU build of torch {toolchain.torch} …")
    first = _run(pip_command(python, *arguments, os.fspath(toolchain.cpu_torch)))
    if first.returncode:
        progress("There is none for this machine; trying the package index's own build.")
    progress("Installing the other packages …")
    done = _run(pip_command(python, *arguments, os.fspath(toolchain.requirements)))
    if done.returncode:
        raise ToolchainError(
            f"pip could not install the {toolchain.name} toolchain ({last_line(done.stderr)}); "
            "check the network or PIP_FIND_LINKS and run again."
        )


def _check_torch(toolchain: Toolchain, python: Path) -> None:
    done = _run([os.fspath(python), "-I", "-c", "import torch"])
    if done.returncode:
        raise ToolchainError(
            f"The torch {toolchain.torch} that pip found cannot start here ({last_line(done.stderr)}); "
            f"point pip at a CPU build of torch {toolchain.torch} with PIP_FIND_LINKS and run again."
        )


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def last_line(output: str) -> str:
    """Return the last line of a program's output that says something."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ").rstrip(".") if lines else "no message"
