"""Brings llama.cpp's own converter here: out of the source archive of the pinned llama-cpp-python, kept and reused.

Knows pip's download command and the archive's layout. Nothing of the converter is part of this project: it is fetched
once, checked against its hash, and unpacked below the exporter's home.
"""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from filelock import FileLock

from export import environments
from export.environments import Progress
from export.errors import ToolchainError
from export.files import sha256_of

PACKAGE, VERSION = "llama-cpp-python", "0.3.36"
ARCHIVE_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
COMMIT = "0c1e57098"
"""llama.cpp's commit in that archive, as its change log says."""
ROOT = PurePosixPath(f"llama_cpp_python-{VERSION}", "vendor", "llama.cpp")
WANTED = ("convert_hf_to_gguf.py", "conversion", "gguf-py/gguf", "LICENSE")
LIMIT = 64 * 1024**2
"""Bytes of one file of the converter: far above any."""


def location() -> Path:
    """Return where the converter is or would be."""
    return environments.home() / "converters" / f"llama.cpp-{COMMIT}-{ARCHIVE_SHA256[:12]}"


def ensure(python: Path, progress: Progress) -> Path:
    """Return the folder with convert_hf_to_gguf.py, fetching it first where needed through the toolchain's pip.

    Raises ToolchainError.
    """
    final = location()
    if final.is_dir():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(final.with_suffix(".lock")):
        if not final.is_dir():  # another process may have fetched it while this one waited
            partial = final.with_name(f"{final.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                _unpack(_download(python, partial / "download", progress), partial / "unpacked")
                (partial / "unpacked").rename(final)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return final


def _download(python: Path, folder: Path, progress: Progress) -> Path:
    """Return the archive. pip asks the package's build backend for metadata, which the toolchain therefore holds."""
    progress(f"Fetching llama.cpp's converter out of {PACKAGE} {VERSION} (once, about 77 MB) …")
    folder.mkdir(parents=True)
    pin = folder / "pin.txt"
    pin.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{ARCHIVE_SHA256}\n", encoding="utf-8")
    arguments = ("download", "--no-deps", "--no-binary", PACKAGE, "--no-build-isolation", "--require-hashes")
    command = environments.pip_command(python, *arguments, "--no-input", "--quiet", "-d", os.fspath(folder), "-r")
    done = subprocess.run([*command, os.fspath(pin)], capture_output=True, text=True, check=False)
    archive = next(iter(sorted(folder.glob("*.tar.gz"))), None)
    if done.returncode or archive is None:
        reason = environments.last_line(done.stderr)
        raise ToolchainError(
            f"{PACKAGE} {VERSION} could not be downloaded ({reason}); "
            "check the network or PIP_FIND_LINKS and run again."
        )
    return archive


def _unpack(archive: Path, target: Path) -> None:
    """Write the converter's files; the archive's other 1,900 stay inside. Raises ToolchainError."""
    try:
        if sha256_of(archive) != ARCHIVE_SHA256:
            raise ToolchainError(f"{archive.name} is not the archive that is pinned; run again to fetch it anew.")
        target.mkdir(parents=True)
        with tarfile.open(archive) as opened:
            for member, path in _members(opened):
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                stream = opened.extractfile(member)
                assert stream is not None
                (target / path).write_bytes(stream.read())
    except (tarfile.TarError, EOFError) as exc:
        raise ToolchainError(f"{archive.name} is not a readable archive ({exc}); run again to fetch it anew.") from exc
    if not (target / WANTED[0]).is_file():
        raise ToolchainError(f"{archive.name} holds no {WANTED[0]}; report this with the exporter's version.")


def _members(opened: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """Yield the plain files of the converter with their paths below llama.cpp's folder."""
    for member in opened:
        path = PurePosixPath(member.name)
        if not member.isfile() or not path.is_relative_to(ROOT) or ".." in path.parts or member.size > LIMIT:
            continue
        below = path.relative_to(ROOT)
        if any(below.is_relative_to(name) for name in WANTED):
            yield member, below
