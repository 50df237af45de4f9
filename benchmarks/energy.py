"""Joules between two moments, from a counter that the machine has. No counter, no figure: nothing is estimated.

Two kinds are known. A RAPL package counter (Intel and AMD: powercap) counts by itself. An INA sensor (Jetson's rail of
the whole board, or one with a power reading) shows the power of an instant: it is read ten times a second and summed
up. Either sees everything that its rail feeds, other programs and idle time included; neither sees what lies beyond it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

from benchmarks.heat import number, text

_INTERVAL_S = 0.1
_BOARD = ("VDD_IN", "POM_5V_IN", "VIN", "VDD_TOTAL")
"""Names of the rail that feeds a whole Jetson, by generation."""


@dataclass(slots=True)
class Spent:
    """Filled when its block ends."""

    joules: float | None = None
    """None: a counter could not be read at one of the two moments."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A counter that can be read on this machine."""

    name: str
    """What it is and which rails it counts; goes into rows."""
    _start: Callable[[], Callable[[], float | None]] = field(repr=False)

    @contextmanager
    def measured(self) -> Iterator[Spent]:
        """Measure the block."""
        spent, end = Spent(), self._start()
        try:
            yield spent
        finally:
            spent.joules = end()


def meter(root: Path = Path("/")) -> Meter | None:
    """The machine's counter; None when it has none that this user may read."""
    return _rapl(root) or _ina(root)


def _rapl(root: Path) -> Meter | None:
    """The packages' counters together; their parts ("core", "dram") are within them, and "psys" around them."""
    packages = [
        zone
        for zone in sorted((root / "sys/class/powercap").glob("*-rapl:*"))
        if (text(zone / "name") or "").startswith("package") and number(zone / "energy_uj") is not None
    ]
    if not packages:
        return None
    names = ", ".join(text(zone / "name") or zone.name for zone in packages)

    def start() -> Callable[[], float | None]:
        before = [number(zone / "energy_uj") for zone in packages]
        return lambda: _joules(packages, before)

    return Meter(f"RAPL {names}", start)


def _joules(packages: list[Path], before: list[int | None]) -> float | None:
    total = 0
    for zone, began in zip(packages, before, strict=True):
        ended = number(zone / "energy_uj")
        if began is None or ended is None:
            return None
        if ended < began:  # it has begun anew at its largest value: within minutes on a busy server
            largest = number(zone / "max_energy_range_uj")
            if largest is None:
                return None
            ended += largest
        total += ended - began
    return total / 1e6


def _ina(root: Path) -> Meter | None:
    for sensor in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        if not (text(sensor / "name") or "").startswith("ina"):
            continue
        for label in sorted(sensor.glob("in*_label")):
            channel = label.name.removeprefix("in").removesuffix("_label")
            watts = _product(sensor / f"in{channel}_input", sensor / f"curr{channel}_input")
            if text(label) in _BOARD and watts() is not None:
                return Meter(f"INA {text(label)}", partial(_summed, watts))
        if number(sensor / "power1_input") is not None:
            return Meter(f"INA {text(sensor / 'name')} power1", partial(_summed, partial(_watts, sensor)))
    return None


def _product(millivolts: Path, milliamperes: Path) -> Callable[[], float | None]:
    def watts() -> float | None:
        volts, amperes = _scaled(millivolts, 1e3), _scaled(milliamperes, 1e3)
        return None if volts is None or amperes is None else volts * amperes

    return watts


def _watts(sensor: Path) -> float | None:
    return _scaled(sensor / "power1_input", 1e6)


def _scaled(path: Path, units: float) -> float | None:
    value = number(path)
    return None if value is None else value / units


def _summed(
    watts: Callable[[], float | None], clock: Callable[[], float] = time.perf_counter
) -> Callable[[], float | None]:
    """Begin to read the power, and return what ends it and gives the joules."""
    readings: list[tuple[float, float | None]] = [(clock(), watts())]
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(_INTERVAL_S):
            readings.append((clock(), watts()))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def end() -> float | None:
        ended.set()
        thread.join()
        readings.append((clock(), watts()))
        return area(readings)

    return end


def area(readings: list[tuple[float, float | None]]) -> float | None:
    """Joules below readings of (seconds, watts), straight between neighbours; None when one is missing."""
    total = 0.0
    for (begun, first), (ended, second) in pairwise(readings):
        if first is None or second is None:
            return None
        total += (first + second) / 2 * (ended - begun)
    return total
