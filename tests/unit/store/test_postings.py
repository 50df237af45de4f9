from __future__ import annotations

import numpy as np
import pytest

from assistant.store.maxscore import List, Passages, candidates, exact
from assistant.store.postings import FIELDS, Postings, counted, hashed, joined, unpacked

Row = tuple[list[str], list[str]]


def rows(count: int, seed: int, words: int = 300) -> list[Row]:
    """Passages whose words are as unevenly frequent as those of a language."""
    random = np.random.default_rng(seed)
    drawn = (random.pareto(0.8, size=(count, 40)) * 3).astype(int) % words
    sizes = random.integers(0, 40, size=count)
    heads = random.integers(0, 4, size=count)
    named = [[f"w{number}" for number in row] for row in drawn.tolist()]
    return [(row[:head], row[head:size]) for row, head, size in zip(named, heads.tolist(), sizes.tolist(), strict=True)]


def keys(count: int, first: int = 1) -> np.ndarray:
    return np.stack([np.arange(first, first + count), np.arange(count) * 7], axis=1).astype(np.int64)


def held(postings: Postings, token: str) -> list[tuple[int, int, int]]:
    """Passage, times in the heading, times in the body."""
    where = postings.list_of(hashed(token))
    heading, body = unpacked(postings.counts[where])
    return list(zip(postings.ids[postings.places[where]].tolist(), heading.tolist(), body.tolist(), strict=True))


def same(one: Postings, other: Postings) -> bool:
    return all(np.array_equal(getattr(one, field), getattr(other, field)) for field in FIELDS)


def test_lists_say_what_is_where_and_how_often() -> None:
    postings = counted(keys(3, 5), [(["pump"], ["a", "pump", "a"]), ([], []), ([], ["pump"])])
    assert held(postings, "pump") == [(5, 1, 1), (7, 0, 1)]
    assert held(postings, "a") == [(5, 0, 2)]
    assert held(postings, "absent") == []
    assert postings.lengths.tolist() == [4, 0, 1]
    assert postings.tokens == 5


def test_no_passages_and_passages_without_words_have_lists_as_well() -> None:
    nothing = counted(keys(0), [])
    assert (len(nothing.ids), len(nothing.places), held(nothing, "a")) == (0, 0, [])
    assert len(counted(keys(2), [([], []), ([], [])]).terms) == 0
    assert same(joined([(nothing, None), (nothing, None)]), nothing)
    assert len(joined([]).ids) == 0


@pytest.mark.parametrize(("heading", "body", "size"), [(3, 63, 1), (4, 1, 2), (0, 64, 2), (16, 1, 4), (1, 5000, 4)])
def test_counts_of_any_size_are_kept(heading: int, body: int, size: int) -> None:
    postings = counted(keys(1), [(["a"] * heading, ["a"] * body)])
    assert postings.counts.itemsize == size
    assert held(postings, "a") == [(1, heading, body)]
    wide = joined([(postings, None), (counted(keys(1, 2), [([], ["a", "b"])]), None)])
    assert held(wide, "a") == [(1, heading, body), (2, 0, 1)]


def test_as_many_rows_as_keys_are_needed() -> None:
    with pytest.raises(ValueError, match="expected tokens of 2 passages, got 1"):
        counted(keys(2), [([], [])])


@pytest.mark.parametrize("seed", range(5))
def test_joined_lists_are_those_of_all_passages_counted_at_once(seed: int) -> None:
    random = np.random.default_rng(seed)
    all_rows, all_keys = rows(500, seed), keys(500)
    cuts = np.sort(random.integers(0, 501, size=4)).tolist()
    kept = random.random(500) < 0.6
    spans = list(zip([0, *cuts], [*cuts, 500], strict=True))
    parts = [counted(all_keys[start:end], all_rows[start:end]) for start, end in spans]
    assert same(joined([(part, None) for part in parts]), counted(all_keys, all_rows))
    masked = joined([(part, kept[start:end]) for part, (start, end) in zip(parts, spans, strict=True)])
    assert same(masked, counted(all_keys[kept], [row for row, stays in zip(all_rows, kept, strict=True) if stays]))


@pytest.mark.parametrize("seed", range(4))
def test_the_best_are_always_among_the_candidates_and_these_are_few(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, fewest = 30_000, 1.0
    postings = counted(keys(count), rows(count, seed, words=3000))
    passages = Passages.of(postings.lengths, postings.tokens, count)
    for _ in range(40):
        wanted = [f"w{number}" for number in set((random.pareto(0.5, size=6) * 5).astype(int).tolist())]
        spans = [postings.list_of(hashed(token)) for token in wanted]
        lists = [List.of(postings.places[at], postings.counts[at], at.stop - at.start) for at in spans]
        k = int(random.choice([1, 10, 100]))
        hidden = None
        if random.random() < 0.5:
            hidden = np.where(random.random(count) < 0.3, -np.inf, 0).astype(np.float32)
        scores = exact(passages, lists, (1.5, 1.0), np.arange(count, dtype=np.int32))
        if hidden is not None:
            scores[hidden < 0] = 0
        matched = np.flatnonzero(scores)
        right = matched[np.lexsort((matched, -scores[matched]))[:k]]
        found = candidates(passages, lists, (1.5, 1.0), k, hidden)
        assert found.dtype == np.int32
        assert (np.diff(found) > 0).all()
        assert set(right.tolist()) <= set(found.tolist())
        assert hidden is None or (hidden[found] == 0).all()
        if len(matched) > 1000:
            fewest = min(fewest, len(found) / len(matched))
    assert fewest < 0.1
