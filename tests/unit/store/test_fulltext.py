from __future__ import annotations

import time

import numpy as np
import pytest

from assistant.store import Store, fulltext
from assistant.types import Document, Passage
from tests.unit.store.samples import FINGERPRINT

IDENTIFIERS = [
    "e07", "f-220", "m4x12", "5.5kw", "np-4410-07", "é", "e\u0301", "#x", "c++", "10%", "a/b", "it's", 'q"q', "x*",
    "^y", "(z)", "-", "\\", "日本語", "co₂", "a\u00a0b", "κw", "🔧",
    "and", "or", "not", "near", "body:x", "{a}", "$1", "a:b",
]  # fmt: skip


def put(store: Store, bodies: list[str], headings: list[str] | None = None) -> list[int]:
    document = Document("/m/a.md", "a.md", "A", "x" * len(bodies), (), f"sha256:{len(bodies)}", "text/plain")
    passages = [Passage("a.md", "A", n, n, n + 1, "x") for n in range(len(bodies))]
    vectors = np.tile(np.float32([1, 0]), (len(bodies), 1))
    store.put(document, passages, list(zip(headings or [""] * len(bodies), bodies, strict=True)), vectors, FINGERPRINT)
    return store.passage_ids()


def test_every_printable_token_stays_one_token_and_is_found_alone(store: Store) -> None:
    ids = put(store, IDENTIFIERS)
    for id_, token in zip(ids, IDENTIFIERS, strict=True):
        assert [found for found, _ in store.lexical([token], 99)] == [id_], token
    assert store.document_frequency(IDENTIFIERS) == dict.fromkeys(IDENTIFIERS, 1)


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        [""],
        [" ", "\0", "\t\n"],
        ['"'],
        ['" OR "', "* NOT", "NEAR(a b)", "body : a", "{heading} : x", "'; DROP TABLE passages; --"],
        ["a\0b"],
        ["\ud800"],
        ["x" * 200_000],
        ["*", "^", "(", ")", "{", "}", ":", "-", "+", ","],
    ],
)
def test_nothing_in_a_token_is_an_operator_or_an_error(store: Store, tokens: list[str]) -> None:
    put(store, ["alpha", "beta"])
    assert store.lexical(tokens, 10) == []
    assert store.passage_count == 2
    assert sum(store.document_frequency(tokens).values()) == 0


def test_ten_thousand_tokens_are_searched_by_the_rarest_and_soon(store: Store) -> None:
    ids = put(store, [" ".join(f"common{n}" for n in range(300))] * 5 + ["rare"])
    tokens = [f"absent{n}" for n in range(9000)] + [f"common{n}" for n in range(300)] + ["rare"]
    begun = time.perf_counter()
    found = store.lexical(tokens, 10)
    assert time.perf_counter() - begun < 5
    assert found[0][0] == ids[-1]
    assert len(tokens) > fulltext.MAX_TOKENS


def test_scores_are_positive_and_sorted_and_ties_go_by_id(store: Store) -> None:
    ids = put(store, ["pump seal", "pump", "pump", "valve", "seal pump seal"])
    found = store.lexical(["pump", "seal", "pump"], 10)
    assert [id_ for id_, _ in found] == [ids[4], ids[0], ids[1], ids[2]]
    assert all(score > 0 for _, score in found)
    assert found[2][1] == found[3][1]
    assert len(store.lexical(["pump"], 2)) == 2
    assert store.lexical(["pump"], 0) == []


def test_weights_tell_headings_from_bodies(store: Store) -> None:
    ids = put(store, ["filter other", "word other"], ["word", "filter"])
    assert store.lexical(["filter"], 2, weights=(10, 1))[0][0] == ids[1]
    assert store.lexical(["filter"], 2, weights=(0.1, 1))[0][0] == ids[0]


def test_document_frequency_counts_passages_not_occurrences(store: Store) -> None:
    put(store, ["a a a", "a b", "c"])
    assert store.document_frequency(["a", "b", "A", "zzz", "a b"]) == {"a": 2, "b": 1, "A": 2, "zzz": 0, "a b": 0}


def test_control_characters_in_stored_tokens_separate_and_lose_nothing(store: Store) -> None:
    ids = put(store, ["alpha\0beta\x01gamma\ud800delta"])
    for token in ("alpha", "beta", "gammadelta"):
        assert [id_ for id_, _ in store.lexical([token], 5)] == ids


def test_the_vocabulary_is_what_stands_in_passages(store: Store) -> None:
    assert store.vocabulary() == []
    put(store, ["pump valve", "pump"], ["head", ""])
    assert store.vocabulary() == ["head", "pump", "valve"]
    store.remove("a.md")
    assert store.vocabulary() == []


def test_tokens_of_passages_come_in_their_order_and_those_that_are_gone_are_left_out(store: Store) -> None:
    first, second = put(store, ["Pump the valve", ""], ["head", "two words"])
    assert store.tokens_of([second, 99, first]) == {
        first: (["head"], ["pump", "the", "valve"]),
        second: (["two", "words"], []),
    }
