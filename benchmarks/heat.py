"""What a board says of its temperature and of being slowed down. Reads files below /sys and asks `vcgencmd`.

Knows no scenario. What a board does not have is left out; nothing is estimated. A virtual machine usually has nothing.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

_PATIENCE_S = 2.0
_PI_FLAGS = {
    0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit",
    16: "under-voltage before", 17: "frequency capped before", 18: "throttled before",
    19: "soft temperature limit before",
}  # fmt: skip
"""Bits of `vcgencmd get_throttled`; those from 16 on have been set at some time since the board was started."""
_COLDEST, _HOTTEST = -50.0, 200.0
"""°C; sensors that are off say things beyond these."""


def read(root: Path = Path("/"), vcgencmd: str = "vcgencmd") -> dict[str, Any]:
    """Temperatures in °C by sensor, the Raspberry Pi's flags, counts of throttling; only what there is.

    Args:
        root: where `sys` lies.
        vcgencmd: the Raspberry Pi's command, by name or path.
    """
    found = {
        "temperature_c": _temperatures(root),
        "throttled": _pi_flags(root, vcgencmd),
        "throttle_counts": _counts(root),
    }
    return {name: value for name, value in found.items() if value is not None and value != {}}


def _temperatures(root: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        millidegrees = number(zone / "temp")
        if millidegrees is None or not _COLDEST < millidegrees / 1000 < _HOTTEST:
            continue
        name = text(zone / "type") or zone.name
        # Two sensors of one kind are both kept.
        found[name if name not in found else f"{name} {zone.name.removeprefix('thermal_zone')}"] = millidegrees / 1000
    return found


def _pi_flags(root: Path, vcgencmd: str) -> list[str] | None:
    """Names of the flags that are set; None when this is no Raspberry Pi, [] when all is well."""
    said = text(root / "sys/devices/platform/soc/soc:firmware/get_throttled") or _told(vcgencmd)
    if said is None:
        return None
    try:
        bits = int(said.rpartition("=")[2], 16)
    except ValueError:
        return None
    return [name for bit, name in _PI_FLAGS.items() if bits >> bit & 1]


def _told(vcgencmd: str) -> str | None:
    command = shutil.which(vcgencmd)
    if command is None:
        return None
    try:
        done = subprocess.run(
            [command, "get_throttled"], capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None  # a container often has the command and not the device
    return done.stdout.strip()


def _counts(root: Path) -> dict[str, int]:
    """How often cores (x86) or the board (Jetson, events of over-current) were slowed down since the start."""
    cores = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    events = (root / "sys/class/hwmon").glob("hwmon*/oc*_event_cnt")
    found = {"cores": [number(path) for path in cores]}
    for path in sorted(events):
        found.setdefault(path.name.partition("_")[0], []).append(number(path))
    return {name: sum(filter(None, counts)) for name, counts in found.items() if any(one is not None for one in counts)}


def text(path: Path) -> str | None:
    """What a file says; None when it cannot be read or says nothing."""
    try:
        return path.read_text("utf-8", "replace").strip() or None
    except OSError:  # a sensor that is switched off answers with an error of its own
        return None


def number(path: Path) -> int | None:
    """The whole number that a file says; None when there is none."""
    try:
        return int(text(path) or "")
    except ValueError:
        return None
