"""Where the package index keeps a wheel, asked of pip itself so that each machine's own index settings hold.

Knows pip's command line and what it prints, nothing of models. `pip install --dry-run --report` would say the same in
JSON, but downloads whole wheels wherever the index serves no metadata apart from them: half a gigabyte, twice.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from assistant.artifacts.staging import SourceError

_TIMEOUT_S = 3600.0
_FOUND = re.compile(r"^\s*Found link (?P<url>\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Located:
    """A wheel that the index offers."""

    url: str
    sha256: str | None
    """What the index says its hash is, where it prints one."""


def locate(package: str, version: str, sha256: str) -> Located:
    """Where the wheel of this version lies; the one with this hash, where the index names hashes.

    Raises:
        SourceError: pip is missing or the index cannot be reached (`by_pip` is then set where another pip command may
            still work), or it has another wheel than the one asked for; the sentence names both hashes.
    """
    offered = list(_wheels(_pip("index", "versions", "-vvv", package), package, version))
    if not offered:
        raise SourceError(f"pip shows no wheel of {package} {version}", by_pip=True)
    fitting = [wheel for wheel in offered if wheel.sha256 in (None, sha256)]
    if not fitting:
        raise SourceError(f"the index has a {package} {version} with SHA-256 {offered[0].sha256}, not {sha256}")
    return fitting[0]


def locate_in(folder: Path, package: str, version: str) -> Located:
    """The same in a folder of wheels, without pip.

    Raises:
        SourceError: it is not there.
    """
    for path in sorted(folder.glob("*.whl")):
        if _is_wheel(path.name, package, version):
            return Located(path.absolute().as_uri(), None)
    raise SourceError(f"{folder} holds no wheel of {package} {version}")


def download_by_pip(package: str, version: str, folder: Path) -> Path:
    """Let pip bring one wheel into the empty `folder`, with its own credentials and proxies.

    Raises:
        SourceError: it cannot.
    """
    asked = ["--no-deps", "--no-cache-dir", "--progress-bar", "off", "--dest", str(folder), f"{package}=={version}"]
    _pip("download", *asked, scratch=folder)
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SourceError(f"pip brought no wheel for {package}")
    return wheels[0]


def normalized(package: str) -> str:
    """The package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _wheels(printed: str, package: str, version: str) -> Iterator[Located]:
    for found in _FOUND.finditer(printed):
        url, _, fragment = found["url"].rstrip(",").partition("#")
        if _is_wheel(unquote(urlsplit(url).path).rpartition("/")[2], package, version):
            sha256 = re.search(r"sha256=([0-9a-f]{64})", fragment)
            yield Located(url, sha256[1] if sha256 is not None else None)


def _is_wheel(name: str, package: str, version: str) -> bool:
    fields = name.split("-")
    return (
        name.endswith(".whl")
        and len(fields) >= 5
        and [normalized(fields[0]), fields[1]] == [normalized(package), version]
    )


def _pip(*arguments: str, scratch: Path | None = None) -> str:
    """What pip printed."""
    always = ["--disable-pip-version-check", "--no-input", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", *arguments, *always]
    # A machine's wish for quiet would hide the lines that are read here; its other settings are what is wanted.
    environment = {name: value for name, value in os.environ.items() if name not in ("PIP_QUIET", "PIP_VERBOSE")}
    environment["PYTHONUTF8"] = "1"
    if scratch is not None:
        environment["TMPDIR"] = str(scratch)  # the usual place is in memory on many small computers
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", timeout=_TIMEOUT_S, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise SourceError(f"pip could not be run ({exc})") from exc
    if done.returncode != 0:
        raise _failure(done.stderr)
    return done.stdout


def _failure(printed: str) -> SourceError:
    if "No module named pip" in printed:
        return SourceError(f"pip is missing beside {sys.executable}; `{sys.executable} -m ensurepip` installs it")
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines[-1:] or ["no reason given"]
    return SourceError(f"pip failed: {errors[-1].removeprefix('ERROR:').strip().rstrip('.')}")
