"""LoadGen's early-stopping estimate of a percentile, for metrics that LoadGen does not see. Pure.

LoadGen times the full answer and estimates its percentiles by itself; what it says is taken from its logs. The first
token is known to the product alone, so LoadGen's rule is applied to it here: of n samples, let t be the largest number
for which at most t of n independent samples lie above the true percentile with a probability below 1 %; then the t-th
largest sample is above the percentile with 99 % confidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_CONFIDENCE = 0.99


def estimate(samples: Sequence[float], percentile: int) -> float | None:
    """The estimate of a percentile from above; None when there are too few samples for one."""
    rank = _rank(len(samples), percentile / 100)
    return sorted(samples)[-rank] if rank else None


def estimates(samples: Sequence[float]) -> dict[str, float]:
    """p90 and p99, those that so many samples allow."""
    found = {f"p{percentile}": estimate(samples, percentile) for percentile in (90, 99)}
    return {name: value for name, value in found.items() if value is not None}


def _rank(count: int, share: float) -> int:
    """The largest t of the rule; 0 when even one sample above is too many."""
    below = 0.0  # probability that at most `above` samples lie above the percentile
    for above in range(count + 1):
        ways = math.lgamma(count + 1) - math.lgamma(above + 1) - math.lgamma(count - above + 1)
        below += math.exp(ways + above * math.log(1 - share) + (count - above) * math.log(share))
        if below >= 1 - _CONFIDENCE:
            return max(0, above - 1)
    return 0
