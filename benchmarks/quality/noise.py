"""Answering from passages that are noisy, irrelevant or wrong: the knowledge base of a question holds five of them.

Documents are replaced between questions in one process (see `shelf`). A question takes part in a mixture when it has
the passages for it; those that have them for most mixtures are asked first, so that the mixtures share questions.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import datasets, product
from benchmarks.datasets import Contested
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.quality import judges, metrics, pipelines
from benchmarks.quality.pipelines import Pipeline, Reply
from benchmarks.quality.scoring import Sheet
from benchmarks.quality.shelf import Shelf
from benchmarks.rows import Measurement

_HELD = 5
_JUDGE = "an answer is given when its words stand in the reply side by side; a refusal gives none"


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many passages of each sort a question's knowledge base holds."""

    name: str
    positive: int = 0
    negative: int = 0
    wrong: int = 0

    def fits(self, item: Contested) -> bool:
        """Whether the question has the passages."""
        enough = (self.positive, self.negative, self.wrong)
        return all(len(have) >= least for have, least in zip(_sorts(item), enough, strict=True))

    def passages(self, item: Contested, seed: int) -> list[str]:
        """The passages in an order that says nothing of their sort."""
        order = random.Random(f"{seed}/{item.id}/{self.name}")
        wanted = (self.positive, self.negative, self.wrong)
        chosen = [text for have, count in zip(_sorts(item), wanted, strict=True) for text in have[:count]]
        return order.sample(chosen, len(chosen))


MIXTURES = (
    *(Mixture(f"{20 * spoilt} % noise", _HELD - spoilt, spoilt) for spoilt in range(_HELD)),
    Mixture("noise only", negative=_HELD),
    Mixture("counterfactual only", wrong=_HELD),
)


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """Right answers, refusals and false answers for each mixture."""
    questions = _ordered(datasets.rgb(plan), plan.seed)
    sets = {mixture: [one for one in questions if mixture.fits(one)][: plan.questions] for mixture in MIXTURES}
    if not any(sets.values()):
        raise BenchmarkError(f"No question of rgb has {_HELD} passages of a sort; get the data set rgb again.")
    home = plan.folder(f"noise-{plan.variants.index(variant) if variant in plan.variants else 0}")
    with product.opened(plan, variant, home) as fieldmate:
        shelf = Shelf(fieldmate, home / "files")
        for pipeline in pipelines.of(plan, variant, fieldmate):
            for mixture, asked in sets.items():
                replies = [_asked(shelf, pipeline, mixture, item, plan.seed) for item in asked]
                yield from _scores(Sheet(plan.seed, pipeline.name, mixture.name), mixture, asked, replies)


def _asked(shelf: Shelf, pipeline: Pipeline, mixture: Mixture, item: Contested, seed: int) -> Reply:
    shelf.hold(mixture.passages(item, seed))
    return pipeline.ask(item.text)


def _scores(sheet: Sheet, mixture: Mixture, asked: Sequence[Contested], replies: Sequence[Reply]) -> list[Measurement]:
    keys = [item.id for item in asked]
    pairs = list(zip(asked, replies, strict=True))
    right = [metrics.contains(reply.answer, item.answers) for item, reply in pairs]
    false = [metrics.contains(reply.answer, (item.false_answer,)) for item, reply in pairs]
    refused = [float(reply.refused) for reply in replies]
    detail = {"judge": _JUDGE, "passages": _HELD}
    found = []
    if mixture.positive:
        found += sheet.mean("answered rightly", keys, right, detail=detail)
    else:  # the right answer is in no passage: nobody is to guess it
        found += sheet.mean("answered rightly all the same", keys, right, unit="share", detail=detail)
    if mixture.wrong:
        kept = [1.0 - value for value in false]
        found += sheet.mean("false answer not repeated", keys, kept, detail=detail)
    found += sheet.mean("refused", keys, refused, unit="share", detail={"judge": judges.REFUSAL})
    return found


def _ordered(questions: Sequence[Contested], seed: int) -> list[Contested]:
    """Shuffled, then those that fit most mixtures first."""
    mixed = random.Random(seed).sample(list(questions), len(questions))
    return sorted(mixed, key=lambda item: -sum(mixture.fits(item) for mixture in MIXTURES))


def _sorts(item: Contested) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return item.positive, item.negative, item.wrong
