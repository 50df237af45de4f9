"""Which stretch of a passage explains what was asked: the one with the largest expected F-measure. Pure.

Each sentence has a chance to belong to the answer; the stretch that is wanted leaves out little that belongs and takes
in little that does not. It knows sentences with their fit, not where the chances' weights come from, nor what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.answering.reading import Sentence

_LONG = 40
"""Words from which a sentence counts as long as any."""
_FAR = 6
"""Sentences from the best one from which one counts as far away as one of another passage."""


def features(sentences: Sequence[Sentence]) -> list[dict[str, float]]:
    """What says of each sentence whether it belongs to the answer, numbers from 0 to 1.

    Args:
        sentences: of the passages that were read, in reading order.
    """
    if not sentences:
        return []
    best = max(range(len(sentences)), key=lambda index: (sentences[index].value, -index))
    fits = [one.fit for one in sentences]
    most = max(fits)
    found = []
    for first, last in _passages(sentences):
        inside = fits[first:last]
        highest, mean = max(inside), sum(inside) / len(inside)
        held_best = first <= best < last
        for index in range(first, last):
            one, distance = sentences[index], abs(index - best)
            beside = (fits[other] for other in (index - 1, index + 1) if first <= other < last)
            found.append({
                "covered": one.covered,
                "cosine": one.cosine,
                "behind": most - one.fit,
                "neighbour": max(beside, default=0.0),
                "passage_best": highest,
                "passage_mean": mean,
                "first_passage": float(one.rank == 0),
                "opens": float(index == first),
                "words": min(_words(one), _LONG) / _LONG,
                "best": float(index == best),
                "beside": float(held_best and distance == 1),
                "away": min(distance, _FAR) / _FAR if held_best else 1.0,
                "named": one.named,
            })  # fmt: skip
    return found


def best_stretch(sentences: Sequence[Sentence], chances: Sequence[float]) -> tuple[int, int]:
    """Indices of the first and last sentence of the best stretch; it lies in one passage.

    The expected F-measure of a stretch, in words, is approximated by what is expected of its parts: twice the words in
    it that belong, by the words in it and the words anywhere that belong. To choose what has the largest expectation
    under a model of chances, rather than to fit the choice itself, is the decision-theoretic approach (Jansche 2007;
    Ye, Chai, Lee and Chieu 2012); one stretch is few enough candidates to try them all.

    Args:
        sentences: in reading order, at least one.
        chances: of each to belong to the answer, 0 to 1.
    """
    words = [_words(one) for one in sentences]
    belonging = [chance * count for chance, count in zip(chances, words, strict=True)]
    expected = sum(belonging)
    best, found = -1.0, (0, 0)
    for first, last in _passages(sentences):
        for start in range(first, last):
            held = taken = 0.0
            for end in range(start, last):
                held += belonging[end]
                taken += words[end]
                value = 2 * held / (taken + expected)
                if value > best:
                    best, found = value, (start, end)
    return found


def _passages(sentences: Sequence[Sentence]) -> list[tuple[int, int]]:
    """Where the sentences of each passage begin and end."""
    starts = [i for i, one in enumerate(sentences) if not i or one.passage is not sentences[i - 1].passage]
    return list(zip(starts, [*starts[1:], len(sentences)], strict=True))


def _words(sentence: Sentence) -> int:
    return len(sentence.text.split())
