"""Peak memory and time of adding one long PDF, in a process of its own. Loads nothing itself: a child inherits its
parent's peak.

The file is generated: the peak is that of its length, not of what stands in it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from benchmarks import measuring, processes, product
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement
from benchmarks.scenarios import generated, typeset

_PAGES = 3_000
_MOST_MB = 900
"""What leaves a device with 1 GB room for its system; swap not counted."""


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """The peak of `fieldmate add`, that of adding one page for comparison, and the rate."""
    pages = plan.option("large_pdf", "pages", _PAGES)
    small, small_detail = _added(plan, variant, 1)
    large, detail = _added(plan, variant, pages)
    floor = {"floor_mb": round(processes.own_peak_mb(), 1), "one_page_mb": round(small.peak_rss_mb, 1)}
    target = measuring.at_most(_MOST_MB) if pages == _PAGES else None
    yield measuring.largest(
        "peak memory of adding a long PDF", "MB", [large.peak_rss_mb], target=target, detail=detail | floor
    )
    seconds = large.seconds - small.seconds
    rate = (detail["passages"] - small_detail["passages"]) / seconds
    yield measuring.largest("adding a long PDF", "passages/s", [rate], detail=detail | {"seconds": round(seconds, 1)})


def _added(plan: Plan, variant: Variant, pages: int) -> tuple[processes.Finished, dict[str, int]]:
    home = plan.folder(f"large-pdf-{pages}")
    path = home / "manual.pdf"
    typeset.write(path, (generated.manual(number, plan.seed) for number in itertools.count()), pages)
    command = [*plan.command, "add", "--json", *product.arguments(plan, home / "data", variant), str(path)]
    done = processes.run(command, product.variables(variant))
    return done, {"pages": pages, "passages": json.loads(done.output)["passages"], "bytes": path.stat().st_size}
