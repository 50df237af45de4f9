"""Search over the real store and the real index, with the fake embedder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.engines.fake import FakeEmbedder
from assistant.errors import KnowledgeBaseError
from assistant.ingest.adding import Adder
from assistant.retrieval.search import Retriever
from assistant.retrieval.synonyms import Synonyms
from assistant.store import Store, VectorIndex
from assistant.store.lexical_index import LexicalIndex

MANUAL = """# Pump unit

## Error codes

| Code | Meaning |
| --- | --- |
| E06 | The inlet is blocked |
| E07 | The pump is running dry |
| E70 | The display is faulty |

## Motor

The motor is rated 5.5 kW and weighs 55 kg.

## Bleed screws

Use four M4x12 screws of steel.

## Long screws

Use four M4x16 screws of brass.

## Filter

Order the filter as NP-4410-07.

## Gasket

Order the gasket as NP-4410-08.

## Belt

The belt F-220 drives the fan.

## Wide belt

The belt F-2200 drives the compressor.

## Café

Der Förderdruck beträgt 3 bar; größere Drücke sind unzulässig.

## 水泵

如果水泵不运转，请检查电源。

## Насос

Проверьте питание насоса.
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Retriever]]:
    folder = tmp_path_factory.mktemp("retrieval")
    (folder / "pump.md").write_text(MANUAL, "utf-8")
    (folder / "other.md").write_text("# Other\n\n" + "The kiosk sells coffee and tea every day.\n\n" * 3, "utf-8")
    embedder = FakeEmbedder(dimensions=256)
    with Store.open(folder / "knowledge.db", create=True) as store:
        outcomes = [one.outcome for one in Adder(store, embedder, max_tokens=60, max_file_bytes=10**6).add([folder])]
        assert outcomes == ["added", "added"]
        index = VectorIndex(store, embedder.fingerprint, embedder.dimensions, folder / "index")
        yield store, Retriever(store, index, embedder, dense_weight=0.4)


@pytest.fixture(scope="module")
def retriever(built: tuple[Store, Retriever]) -> Retriever:
    return built[1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("E07", "E07"),
        ("e07", "E07"),
        # Their 07 was a term of its own and found NP-4410-07 first.
        ("E 07", "E07"),
        ("E-07", "E07"),
        ("E – 07", "E07"),
        ("error E 07", "E07"),
        ("What does error E07 mean?", "E07"),
        ("F-220", "F-220 "),
        ("F 220", "F-220 "),
        ("f220", "F-220 "),
        ("F-2200", "F-2200"),
        ("M4x12", "M4x12"),
        ("M4X16", "M4x16"),
        ("5.5 kW", "5.5 kW"),
        ("5,5kW", "5.5 kW"),
        ("NP-4410-07", "NP-4410-07"),
        ("NP 4410 08", "NP-4410-08"),
        ("np441008", "NP-4410-08"),
        ("förderdruck", "Förderdruck"),
        ("FORDERDRUCK", "Förderdruck"),
        ("größere", "größere"),
        ("GROSSERE", "größere"),
        ("насоса", "насоса"),
        ("cafe", "Förderdruck"),
    ],
)
def test_what_is_named_exactly_is_found_first(retriever: Retriever, query: str, expected: str) -> None:
    assert expected in retriever.search(query, 3).hits[0].passage.text


@pytest.mark.parametrize("query", ["E07", "F-220", "M4x12", "NP-4410-07"])
def test_what_is_named_exactly_leads_the_lexical_search(retriever: Retriever, query: str) -> None:
    assert retriever.search(query, 3).hits[0].lexical_rank == 1


def test_a_code_that_stands_nowhere_is_found_by_no_term(retriever: Retriever) -> None:
    assert [hit for hit in retriever.search("E99", 10).hits if hit.lexical_rank is not None] == []


def test_headings_are_searched_as_well(retriever: Retriever) -> None:
    assert retriever.search("水泵", 1).hits[0].passage.heading_path == ("水泵",)


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "?!… — ;", "«»()[]{}", "🙂", "_"])
def test_a_query_without_letters_and_digits_finds_nothing(retriever: Retriever, query: str) -> None:
    assert retriever.search(query, 5).hits == ()


@pytest.mark.parametrize("query", ["the of and", "what is it?", "ما هو الضغط؟", "\ud800 valve", "a\0b"])
def test_a_query_of_stop_words_or_other_scripts_is_no_error(retriever: Retriever, query: str) -> None:
    assert len(retriever.search(query, 5).hits) <= 5


def test_a_query_of_100_000_characters_still_finds_what_it_begins_with(retriever: Retriever) -> None:
    query = "What does E07 mean? " + " ".join(f"word{number}" for number in range(12_000))
    assert len(query) > 100_000
    assert "E07" in retriever.search(query, 3).hits[0].passage.text


def test_a_pasted_page_becomes_a_bounded_number_of_terms(retriever: Retriever) -> None:
    weights = retriever.search(" ".join(f"word{number}" for number in range(12_000)), 3).weights
    assert len(weights) < 1000


def test_words_that_stand_nowhere_do_not_crowd_out_the_one_that_does(retriever: Retriever) -> None:
    # The 64 rarest terms are searched, and what stands nowhere is rarer than anything: 64 unknown words in a question
    # left no place for the code in it.
    query = " ".join(f"unknown{number}" for number in range(100)) + " NP-4410-08"
    found = [hit for hit in retriever.search(query, 20).hits if hit.lexical_rank == 1]
    assert "NP-4410-08" in found[0].passage.text


def test_ranks_begin_at_one_and_agree_with_the_order_of_their_scores(retriever: Retriever) -> None:
    hits = retriever.search("motor belt 5.5 kW", 20).hits
    for rank, score in (("dense_rank", "dense_score"), ("lexical_rank", "lexical_score")):
        ranked = sorted((getattr(hit, rank), getattr(hit, score)) for hit in hits if getattr(hit, rank) is not None)
        assert ranked[0][0] == 1
        assert [one for _, one in ranked] == sorted((one for _, one in ranked), reverse=True)


@pytest.mark.parametrize("k", [1, 3, 1000])
def test_no_more_hits_come_than_asked_for_nor_than_there_are(built: tuple[Store, Retriever], k: int) -> None:
    store, retriever = built
    hits = retriever.search("pump", k).hits
    assert len(hits) == min(k, store.passage_count)
    assert len({(hit.passage.document, hit.passage.ordinal) for hit in hits}) == len(hits)


def test_of_passages_with_the_same_words_the_one_that_keeps_them_together_comes_first(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    texts = {
        "a": "The remote has a cover, under which the two cells of the battery lie.",
        "b": "The battery cover of the remote has two cells under which a lie.",
    }
    with Store.open(tmp_path / "knowledge.db", create=True) as store:
        for name, text in texts.items():
            (tmp_path / f"{name}.md").write_text(f"# Remote\n\n{text}\n", "utf-8")
        list(Adder(store, embedder, max_tokens=60, max_file_bytes=10**6).add([tmp_path]))
        retriever = Retriever(store, VectorIndex(store, embedder.fingerprint, 64, tmp_path / "index"), embedder)
        hits = retriever.search("battery cover", 2).hits
    assert [hit.passage.document for hit in hits] == ["b.md", "a.md"]
    assert 1 >= hits[0].score > hits[1].score > 0


def test_scores_fall_and_stay_within_0_and_1_also_behind_those_that_are_looked_at_again(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    with Store.open(tmp_path / "knowledge.db", create=True) as store:
        for number in range(60):
            text = f"# Valve\n\n{'The check valve of the pump. ' * (number % 3)} Pump {number} {'x ' * number} valve\n"
            (tmp_path / f"{number}.md").write_text(text, "utf-8")
        list(Adder(store, embedder, max_tokens=200, max_file_bytes=10**6).add([tmp_path]))
        retriever = Retriever(store, VectorIndex(store, embedder.fingerprint, 64, tmp_path / "index"), embedder)
        hits = retriever.search("check valve of the pump", 60).hits
        assert retriever.search("check valve of the pump", 5).hits == hits[:5]
    scores = [hit.score for hit in hits]
    assert len(scores) == 60
    assert scores == sorted(scores, reverse=True)
    assert 1 >= scores[0] > scores[-1] >= 0


def test_the_first_hits_do_not_depend_on_how_many_are_asked_for(retriever: Retriever) -> None:
    assert retriever.search("pump", 10).hits[:3] == retriever.search("pump", 3).hits


def test_a_rare_term_weighs_more_than_a_common_one_and_an_absent_one_most(retriever: Retriever) -> None:
    weights = retriever.search("M4x12 screws of zirconium", 3).weights
    assert weights["zirconium"] > weights["screw"] > 0
    assert weights["zirconium"] > weights["m4x12"] > weights["screw"]


def test_only_allowed_passages_are_found_with_and_without_lists(built: tuple[Store, Retriever], tmp_path: Path) -> None:
    store, without = built
    embedder = FakeEmbedder(dimensions=256)
    index = VectorIndex(store, embedder.fingerprint, embedder.dimensions, tmp_path)
    words = LexicalIndex(store, index.inventory, tmp_path, embedder.fingerprint, build_from=1)
    words.build()
    within = Retriever(store, index, embedder, words=words, dense_weight=0.4)
    ids = store.passage_ids()
    for query in ("E07 pump dry", "4 M4x12 screws of steel", "kiosk coffee", "absent"):
        everything = within.search(query, 100)
        assert everything.hits == without.search(query, 100).hits
        allowed = np.array(sorted(ids)[::2])
        some = within.search(query, 100, allowed)
        assert set(some.ids) == set(allowed.tolist())
        assert some.weights == everything.weights
        assert some.hits == without.search(query, 100, allowed).hits
        assert within.search(query, 3, allowed[:0]).hits == ()
    assert words.kind == "lists"


def test_similarities_are_cosines_in_the_order_given(retriever: Retriever) -> None:
    values = retriever.similarities("pump valve", ["pump valve", "kiosk", "pump"])
    assert values == pytest.approx([1.0, 0.0, 0.5**0.5], abs=1e-5)


def test_similarities_to_nothing_are_none(retriever: Retriever) -> None:
    assert retriever.similarities("pump", []) == []


def test_an_empty_knowledge_base_finds_nothing(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    with Store.open(tmp_path / "knowledge.db", create=True) as store:
        index = VectorIndex(store, embedder.fingerprint, embedder.dimensions, tmp_path / "index")
        found = Retriever(store, index, embedder).search("pump", 5)
    assert found.hits == ()
    assert found.weights["pump"] >= 0


def test_what_is_added_later_is_found_at_once_and_what_is_removed_is_not(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    with Store.open(tmp_path / "knowledge.db", create=True) as store:
        index = VectorIndex(store, embedder.fingerprint, embedder.dimensions, tmp_path / "index")
        retriever = Retriever(store, index, embedder)
        assert retriever.search("E07", 5).hits == ()
        (tmp_path / "a.md").write_text("# A\n\nE07 means dry.\n")
        adder = Adder(store, embedder, max_tokens=60, max_file_bytes=10**6)
        assert [one.outcome for one in adder.add([tmp_path / "a.md"])] == ["added"]
        assert len(retriever.search("E07", 5).hits) == 1
        store.remove("a.md")
        assert retriever.search("E07", 5).hits == ()


def test_a_base_of_another_embedder_is_an_error_and_not_an_abstention(tmp_path: Path) -> None:
    # It answered "The documents do not answer this" to everything, sure of itself: no vector was ever near.
    (tmp_path / "pump.md").write_text(MANUAL, "utf-8")
    old, new = FakeEmbedder(dimensions=64), FakeEmbedder(dimensions=256)
    with Store.open(tmp_path / "knowledge.db", create=True) as store:
        retriever = Retriever(store, VectorIndex(store, new.fingerprint, new.dimensions, tmp_path / "index"), new)
        list(Adder(store, old, max_tokens=60, max_file_bytes=10**6).add([tmp_path]))
        with pytest.raises(KnowledgeBaseError, match=r"no vector of the embedder in use; run `fieldmate verify"):
            retriever.search("What does E07 mean?", 3)
        list(Adder(store, new, max_tokens=60, max_file_bytes=10**6).add([tmp_path]))
        assert "E07" in retriever.search("What does E07 mean?", 3).hits[0].passage.text


class Pieces(FakeEmbedder):
    """Knows a few words whole, as a real tokenizer does; it takes others apart."""

    def count_tokens(self, text: str) -> int:
        return 2 + sum(1 if word in {"what", "same", "eight", "kettle"} else 2 for word in text.split())


@pytest.fixture(scope="module")
def mending(built: tuple[Store, Retriever], tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    embedder = Pieces(dimensions=256)
    index = VectorIndex(built[0], embedder.fingerprint, embedder.dimensions, tmp_path_factory.mktemp("index"))
    return Retriever(built[0], index, embedder, dense_weight=0.4)


@pytest.mark.parametrize(
    ("asked", "searched"),
    [
        ("how long are the scrwes", "how long are the screws"),
        ("tje pimp unit", "the Pump unit"),
        ("what does the motot wiegh", "what does the Motor weighs"),
        ("error e zero seven", "error E07"),
        ("air E07", "air E07"),
        ("E 7", "E07"),
        ("order n p 4410 dash oh eight", "order NP441008"),
        ("rated five point five kilowatts", "rated 5.5 kW"),
        ("com pressor", "compressor"),
        ("is e zero seven the same as e seventy", "is E07 the same as E70"),
        # Never one code for another, nor a common word for one that is near.
        ("E08", "E08"),
        ("NP-4410-09", "NP-4410-09"),
        ("kettle", "kettle"),
    ],
)
def test_a_question_is_searched_in_the_words_of_the_documents(mending: Retriever, asked: str, searched: str) -> None:
    assert mending.search(asked, 3).text == searched


def test_a_mended_word_counts_as_the_word_that_was_meant(mending: Retriever) -> None:
    found = mending.search("scrwes of bras", 3)
    assert "bras" not in found.weights
    assert "brass" in found.hits[0].passage.text
    assert found.weights == mending.search("screws of brass", 3).weights


def test_synonyms_of_the_owner_are_searched_as_well(built: tuple[Store, Retriever], tmp_path: Path) -> None:
    embedder = Pieces(dimensions=256)
    index = VectorIndex(built[0], embedder.fingerprint, embedder.dimensions, tmp_path)
    groups = [("espresso", "coffee"), ("tea", "kiosk"), ("hose", "conduit"), ("cog wheel", "belt")]
    retriever = Retriever(built[0], index, embedder, synonyms=Synonyms(groups))
    # A word that stands nowhere gives way, as if the question had been asked in the words of the documents.
    assert retriever.search("wide cog wheels", 3).text == "wide belt"
    assert retriever.search("espresso", 3).weights == retriever.search("coffee", 3).weights
    # One that does stay is what an answer must hold; the other only helps to find it.
    beside = retriever.search("tea", 3)
    assert beside.text == "tea"
    assert set(beside.weights) == {"tea"}
    assert beside.hits[0].lexical_score > built[1].search("tea", 3).hits[0].lexical_score  # type: ignore[operator]
    # Equivalents that stand nowhere change nothing.
    assert retriever.search("hose", 3).text == "hose"


def test_what_a_question_leans_on_is_searched_with_less_weight(retriever: Retriever) -> None:
    alone = retriever.search("order it", 3)
    leaning = retriever.search("order it", 3, earlier="the gasket NP-4410-08")
    assert "NP-4410-08" in leaning.hits[0].passage.text
    assert leaning.text == "the gasket NP-4410-08\norder it"
    assert set(alone.weights) < set(leaning.weights)
    # The question's own subject wins over the earlier one.
    assert "M4x16" in retriever.search("M4x16 screws of brass", 3, earlier="M4x12 screws of steel").hits[0].passage.text


def test_a_question_without_slips_is_searched_as_it_is(mending: Retriever) -> None:
    for query in ("What does error E07 mean?", "M4x12 screws", "Förderdruck", "水泵", "F 220", "5,5kW"):
        assert mending.search(query, 3).text == query


def test_a_word_that_was_added_later_can_be_meant(tmp_path: Path) -> None:
    embedder = Pieces()
    with Store.open(tmp_path / "knowledge.db", create=True) as store:
        adder = Adder(store, embedder, max_tokens=60, max_file_bytes=10**6)
        (tmp_path / "a.md").write_text("# A\n\nThe compressor is loud.\n")
        list(adder.add([tmp_path / "a.md"]))
        index = VectorIndex(store, embedder.fingerprint, embedder.dimensions, tmp_path / "index")
        retriever = Retriever(store, index, embedder)
        assert retriever.search("refridgerant", 1).text == "refridgerant"
        (tmp_path / "b.md").write_text("# B\n\nThe refrigerant is R290.\n")
        list(adder.add([tmp_path / "b.md"]))
        assert retriever.search("refridgerant", 1).text == "refrigerant"
