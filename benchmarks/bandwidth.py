"""How fast this machine reads memory: the figure that decides how fast a model can write at best.

Several threads go through a buffer of their own again and again; the fastest pass counts, since everything else that
the machine does only makes it slower. Reading is done by two of numpy's reductions, which use the processor's widest
instructions and let other threads run: whichever is faster stands for the machine. It is a measured lower bound of what
the memory can do, not its data sheet. Knows no model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_PASSES = 10
Words = npt.NDArray[np.uint64]
_KERNELS: dict[str, Callable[[Words], object]] = {
    "sum of 64-bit words": lambda part: part.sum(),
    "largest of bytes": lambda part: part.view(np.uint8).max(),
}


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """The best way of reading that was found."""

    gb_per_s: list[float]
    """Of each pass, 10^9 bytes."""
    kernel: str
    threads: int
    megabytes: int
    """Read by each pass, all threads together."""

    @property
    def best(self) -> float:
        """The fastest pass, GB/s."""
        return max(self.gb_per_s)


def measured(size: int, threads: list[int]) -> Bandwidth:
    """The fastest of all kernels and numbers of threads.

    Args:
        size: bytes that a pass reads: as many as the work in question, so that caches help both alike.
        threads: numbers of threads to try.
    """
    found = [_one(size, count, kernel) for count in threads for kernel in _KERNELS]
    return max(found, key=lambda each: each.best)


def _one(size: int, threads: int, kernel: str) -> Bandwidth:
    # Written to, because memory that never was is one page of zeros, read again and again.
    parts = [np.ones(max(1, size // threads // 8), dtype=np.uint64) for _ in range(threads)]
    read = sum(part.nbytes for part in parts)
    rates = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_PASSES):
            started = time.perf_counter()
            list(pool.map(_KERNELS[kernel], parts))
            rates.append(read / (time.perf_counter() - started) / 1e9)
    return Bandwidth(rates, kernel, threads, read // 1_000_000)


def thread_counts(cores: int) -> list[int]:
    """1, 2, 4 … and all cores: a few cores often fill the memory's bus, and more get in each other's way."""
    counts = {cores, *(1 << power for power in range(cores.bit_length()) if 1 << power <= cores)}
    return sorted(counts)
