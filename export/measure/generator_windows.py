"""Which tokens of a text are scored, and what sums over them mean. Pure: numbers in, numbers out.

A window is a run of tokens of one length; only its last tokens are scored, so that each of them has a context. Windows
are spread evenly over the text, so that a sample of them stands for all of it.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from export.errors import SourceError


@dataclass(frozen=True, slots=True)
class Windows:
    """The tokens that every variant and the reference are measured on."""

    windows: tuple[tuple[int, ...], ...]
    scored: int
    """Tokens at the end of each window that count."""
    compared: tuple[int, ...]
    """The windows whose whole distributions are compared with the reference's."""

    @property
    def tokens(self) -> int:
        """Scored tokens in all."""
        return len(self.windows) * self.scored


def choose(tokens: Sequence[int], *, count: int, length: int, compared: int, bos: int | None) -> Windows:
    """Return up to `count` windows of `length` tokens, the second half of each scored.

    `bos` takes the place of a window's first token where the model expects one there. Raises SourceError for a text
    that is shorter than one window.
    """
    scored = length // 2
    room = len(tokens) - length
    if room < 0:
        raise SourceError(
            f"The text has {len(tokens)} tokens, fewer than one window of {length}; give a longer one with --text."
        )
    count = min(count, room // scored + 1)
    begins = [round(room * number / max(1, count - 1)) for number in range(count)]
    windows = [tuple(tokens[begin : begin + length]) for begin in begins]
    if bos is not None:
        windows = [(bos, *window[1:]) for window in windows]
    compared = max(1, min(compared, count))
    chosen = sorted({round((count - 1) * number / max(1, compared - 1)) for number in range(compared)})
    return Windows(tuple(windows), scored, tuple(chosen))


def perplexity(nll: Sequence[float], scored: int) -> float:
    """Return the perplexity, given the summed surprise of each window."""
    return math.exp(sum(nll) / (len(nll) * scored))


def increase(nll: Sequence[float], reference: Sequence[float], scored: int) -> tuple[float, float | None]:
    """Return the rise of the perplexity over the reference's, in per cent, and half its 95 % interval.

    The interval is that of the mean of the windows' differences: both models have read the same tokens. None where
    there are too few windows to say.
    """
    differences = [(mine - theirs) / scored for mine, theirs in zip(nll, reference, strict=True)]
    ratio = math.exp(statistics.fmean(differences))
    if len(differences) < 3:
        return 100 * (ratio - 1), None
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return 100 * (ratio - 1), 100 * ratio * 1.96 * error
