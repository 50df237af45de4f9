"""How good the arms' answers are: words and numbers right, and refusals, by the rules of `benchmarks.quality`.

Knows answers and the sample questions; not who answered. A refusal is what the arm itself says it is, or what its words
say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import measuring, product
from benchmarks.peers.pipeline import Answered
from benchmarks.plan import Plan
from benchmarks.quality import judges, metrics
from benchmarks.rows import Measurement


def questions(plan: Plan) -> list[dict[str, Any]]:
    """One to warm up, then `plan.questions`: as many that the manuals answer as such that they do not, taking turns."""
    answerable = product.shuffled(plan, product.sample_questions(answerable=True))
    others = product.shuffled(plan, product.sample_questions(answerable=False))
    half = max(1, plan.questions // 2)
    warm_up, *rest = answerable
    mixed = [item for pair in zip(rest[:half], others[:half], strict=False) for item in pair]
    return [warm_up, *mixed, *rest[len(others) : half]]


def rows(plan: Plan, name: str, answers: dict[str, Answered]) -> Iterator[Measurement]:
    """Word F1 and numbers of the answerable questions, refusals of either kind."""
    known = {item["id"]: item for item in product.sample_questions()}
    asked = [(key, known[key], answer) for key, answer in answers.items()]
    good = [each for each in asked if each[1]["kind"] != "unanswerable"]
    bad = [each for each in asked if each[1]["kind"] == "unanswerable"]
    if good:
        keys = [key for key, _, _ in good]
        scores = [0.0 if refused(answer) else metrics.word_f1(answer.text, _right(item)) for _, item, answer in good]
        yield measuring.mean("word F1", "score", scores, plan.seed, subset=f"{name}, answerable", keys=keys)
        numbers = {
            key: found
            for key, item, answer in good
            if (found := metrics.numbers_right("" if refused(answer) else answer.text, _right(item))) is not None
        }
        if numbers:
            shared = {"subset": f"{name}, answerable", "keys": list(numbers)}
            yield measuring.mean("numbers right", "score", list(numbers.values()), plan.seed, **shared)
    for kind, group in (("answerable", good), ("unanswerable", bad)):
        if group:
            samples = [float(refused(answer)) for _, _, answer in group]
            keys, detail = [key for key, _, _ in group], {"judged_by": judges.REFUSAL}
            yield measuring.mean(
                "refused", "share", samples, plan.seed, subset=f"{name}, {kind}", keys=keys, detail=detail
            )


def refused(answer: Answered) -> bool:
    """Whether the answer is that there is none."""
    return answer.abstained or judges.refuses(answer.text)


def _right(item: dict[str, Any]) -> tuple[str, ...]:
    return tuple(text for text in (item["answer"], item.get("quote")) if text)
