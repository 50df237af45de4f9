"""The environment card of a row: machine, system, versions, source and models. Reads; knows no scenario.

No host or user name, no address and no path: rows are meant to be shared.
"""

from __future__ import annotations

import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import heat as sensors
from benchmarks.plan import ROOT

_LIBRARIES = ("llama-cpp-python", "onnxruntime", "tokenizers", "numpy", "hnswlib", "sqlite-utils", "pypdfium2")
_FEATURES = ("sse4_2", "avx", "fma", "f16c", "amx", "neon", "asimd", "i8mm", "sve", "bf16")
"""Beginnings of the names of the CPU features that matrix kernels are chosen by."""


def card(models: dict[str, str], seed: int) -> dict[str, Any]:
    """What does not change during a run; `models` are ids with the hashes of their main files."""
    return {
        "cpu": _cpu_model(),
        "architecture": platform.machine(),
        "cpu_features": _features(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cores_in_machine": os.cpu_count(),
        "memory_mb": _memory_mb(),
        "governor": _governor(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: _version(name) for name in _LIBRARIES},
        "fieldmate": _fieldmate_version(),
        "commit": _commit(ROOT / ".git"),
        "source_sha256": source_hash(ROOT / "assistant"),
        "models": models,
        "seed": seed,
    }


def load_average() -> float:
    """Processes that wanted a core in the last minute, ours included: above the number of cores, times are too long."""
    return round(os.getloadavg()[0], 2)


def heat() -> dict[str, Any]:
    """What the board says of heat at this moment: temperature in °C and throttle flags, where it has them."""
    return sensors.read()


def settings_of(changed: dict[str, Any]) -> dict[str, Any]:
    """All settings in force with these changes, but for the folders."""
    from assistant.settings import load

    tree: dict[str, Any] = msgspec.to_builtins(load(flags=changed), enc_hook=str)
    return {name: value for name, value in tree.items() if not name.endswith("_dir")}


def source_hash(folder: Path) -> str:
    """Hash over the product's source as it is, committed or not: names and contents in order of names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".toml") and path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _cpu_model() -> str:
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.processor() or "unknown"


def _features() -> list[str]:
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return [feature for feature in value.split() if feature.startswith(_FEATURES)]
    return []


def _memory_mb() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    except (ValueError, OSError):
        return None


def _governor() -> str | None:
    lines = _lines("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return lines[0].strip() if lines else None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _fieldmate_version() -> str:
    from assistant import __version__

    return __version__


def _commit(git: Path) -> str | None:
    """The commit that is checked out, read from git's files; `source_sha256` tells whether the tree differs from it."""
    head = "".join(_lines(str(git / "HEAD"))).strip()
    if not head.startswith("ref: "):
        return head or None
    name = head.removeprefix("ref: ")
    if loose := _lines(str(git / name)):
        return loose[0].strip()
    packed = (line.split() for line in _lines(str(git / "packed-refs")))
    return next((fields[0] for fields in packed if len(fields) == 2 and fields[1] == name), None)
