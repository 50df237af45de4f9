from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import UnreadableDocument
from assistant.store import Store
from assistant.types import Block, BlockKind, Document, Passage
from tests.unit.store.samples import FINGERPRINT, parts

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@st.composite
def documents(draw: st.DrawFn) -> tuple[Document, list[Passage], list[tuple[str, str]]]:
    pieces = draw(st.lists(TEXT, max_size=5))
    name, title, text = draw(TEXT), draw(TEXT), "".join(pieces)
    pages = st.none() | st.integers(1, 5000)
    document = Document(
        source="/" + draw(TEXT),
        name=name,
        title=title,
        text=text,
        blocks=(Block(BlockKind.PARAGRAPH, 0, len(text), page=draw(pages)),),
        content_hash="sha256:" + draw(TEXT),
        media_type=draw(TEXT),
        revised=draw(st.none() | TEXT),
    )
    passages, start = [], 0
    for ordinal, piece in enumerate(pieces):
        end = start + len(piece)
        path = tuple(draw(st.lists(TEXT, max_size=3)))
        passages.append(Passage(name, title, ordinal, start, end, piece, path, draw(TEXT), draw(pages), document.dated))
        start = end
    return document, passages, [(draw(TEXT), draw(TEXT)) for _ in passages]


@given(documents(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_put_comes_back_equal_also_from_another_opening(
    sample: tuple[Document, list[Passage], list[tuple[str, str]]], seed: int
) -> None:
    document, passages, tokens = sample
    vectors = np.random.default_rng(seed).standard_normal((len(passages), 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "knowledge.db"
        with Store.open(path, create=True) as store:
            assert store.put(document, passages, tokens, vectors, FINGERPRINT) == "added"
            assert store.put(document, passages, tokens, vectors, FINGERPRINT) == "unchanged"
        with Store.open(path, create=False) as store:
            assert store.check() == []
            record, text = store.document(document.name) or pytest.fail("the document is gone")
            assert text == document.text
            assert (record.source, record.title, record.content_hash) == (
                document.source,
                document.title,
                document.content_hash,
            )
            assert (record.revised, record.media_type) == (document.revised, document.media_type)
            assert (record.characters, record.passages) == (len(document.text), len(passages))
            assert record.pages == document.blocks[0].page
            ids = store.passage_ids(document.name)
            assert list(store.passage(ids).values()) == passages
            loaded_ids, loaded = store.load_vectors(FINGERPRINT)
            assert loaded_ids.tolist() == ids
            assert np.array_equal(loaded.reshape(vectors.shape), vectors)


@pytest.mark.parametrize("field", ["source", "name", "title", "text"])
def test_text_that_is_not_unicode_is_refused_with_a_sentence(store: Store, field: str) -> None:
    document, *_ = parts("a.md")
    broken = Document(
        **{name: getattr(document, name) for name in document.__slots__} | {field: "caf\udce9.md"}  # type: ignore[arg-type]
    )
    with pytest.raises(UnreadableDocument, match=r"not Unicode; .*again\.$"):
        store.put(broken, [], [], np.empty((0, 3), np.float32), FINGERPRINT)
    assert store.documents() == []
    assert store.document("caf\udce9.md") is None


def test_parts_that_do_not_belong_together_are_a_mistake_of_the_program(store: Store) -> None:
    document, passages, tokens, vectors, fingerprint = parts("a.md")
    wrong = [
        (document, passages[1:], tokens[1:], vectors[1:], fingerprint),
        (document, passages, tokens[1:], vectors, fingerprint),
        (document, passages, tokens, vectors[1:], fingerprint),
        (document, passages, tokens, 2 * vectors, fingerprint),
        (document, passages, tokens, np.full_like(vectors, np.nan), fingerprint),
        (document, parts("b.md")[1], tokens, vectors, fingerprint),
    ]
    for arguments in wrong:
        with pytest.raises(ValueError):
            store.put(*arguments)
    store.put(*parts("b.md"))
    with pytest.raises(ValueError, match="16 dimensions"):
        store.put(document, passages, tokens, np.eye(3, dtype=np.float32), fingerprint)
    assert store.generation == 1


def test_a_20_mb_document_does_not_slow_its_passages_down(store: Store) -> None:
    body = "the pump needs 5.5 kW at start. " * 50
    text = body * (20_000_000 // len(body))
    document, *_ = parts("big.md")
    big = Document(document.source, "big.md", "Big", text, (), "sha256:big", "text/plain")
    starts = range(len(text) - 20 * len(body), len(text), len(body))
    passages = [Passage("big.md", "Big", n, start, start + len(body), body) for n, start in enumerate(starts)]
    vectors = np.eye(len(passages), dtype=np.float32)
    store.put(big, passages, [("", "pump")] * len(passages), vectors, FINGERPRINT)
    reads: list[str] = []
    store._db.conn.set_trace_callback(reads.append)
    assert len(store.passage(store.passage_ids()[-10:])) == 10
    store._db.conn.set_trace_callback(None)
    # Only the passages' own text and the document's short columns are asked for.
    assert not any("documents.text" in sql or ", text FROM documents" in sql for sql in reads)
