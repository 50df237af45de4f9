"""The questions that LoadGen issues: it knows numbers, the product gets words, rows get ids. Asks nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks import product
from benchmarks.plan import Plan


@dataclass(frozen=True, slots=True)
class Questions:
    """A set of questions; LoadGen names each by its position."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def keys(self, order: Iterable[int]) -> list[str]:
        """Ids in the order of `order`; a question that comes again is marked with how often it has come."""
        seen: Counter[str] = Counter()
        found = []
        for index in order:
            name = self.ids[index]
            seen[name] += 1
            found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
        return found


def chosen(plan: Plan, count: int | None = None) -> Questions:
    """`count` questions of the sample manuals (default: as many as the plan asks), answerable and not, seeded."""
    found = product.shuffled(plan, product.sample_questions())[: plan.questions if count is None else count]
    return Questions(tuple(item["id"] for item in found), tuple(item["question"] for item in found))
