"""Figures that can be worked out in the head, on embedders made of tables; then the device's engine on a tiny model."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from export.embedder import SENTENCES
from export.errors import SourceError
from export.measure import embedder as measuring
from export.measure import embedder_texts
from export.measure.embedder import Found, Vectors
from export.measure.embedder_texts import Question, Texts
from tests.artifacts.tiny import DIMENSIONS, MAX_TOKENS, TINY, golden

COUNT = 24


def circle(*degrees: float) -> Vectors:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def texts(questions: Sequence[Question] = ()) -> Texts:
    ids = tuple(f"doc{number // 2}#{number % 2}" for number in range(COUNT))
    return Texts(ids, tuple(f"passage {number}" for number in range(COUNT)), tuple(questions), "texts")


class Table:
    """Embeds "passage N" and "question N" at N times `step` degrees; `shift` turns the questions."""

    def __init__(self, step: float = 5.0, shift: float = 0.0) -> None:
        self.step, self.shift = step, shift
        self.calls: list[list[str]] = []

    def embed(self, given: Sequence[str]) -> Vectors:
        self.calls.append([*given])
        turns = {"passage": 0.0, "question": self.shift}
        return circle(*(int(text.split()[1]) * self.step + turns[text.split()[0]] for text in given))


def test_the_reference_agrees_with_itself_wholly() -> None:
    rows = measuring.measure({"float32": Table(), "same": Table()}, texts(), rounds=2)
    assert [row["variant"] for row in rows] == ["float32", "same"]
    for row in rows:
        assert row["mean_cosine"] == pytest.approx(1.0)
        assert (row["recall_at_10"], "hit_at_5" in row) == (1.0, False)


def test_recall_is_the_share_of_the_references_ten_nearest() -> None:
    # On a half circle the ten nearest of an angle are those around it: at the end 0 to 9, turned by 5 steps 0 to 9
    # around number 5, and so on. Question 0 turned by 50 degrees (ten steps) finds 5 or 6 to 14 or 15 instead.
    asked = texts([Question("question 0", frozenset({"doc0"}))])
    reference = Found(circle(0.0), circle(*(number * 5.0 for number in range(COUNT))))
    turned = Found(circle(51.0), reference.passages)
    assert measuring.quality(turned, reference, asked)["recall_at_10"] == pytest.approx(0.4)  # 6, 7, 8, 9 of 0..9
    assert measuring.quality(turned, reference, asked)["min_cosine"] == pytest.approx(np.cos(np.radians(51)), abs=1e-6)


@pytest.mark.parametrize(
    ("relevant", "first", "fifth"), [("doc0#0", 1.0, 1.0), ("doc1#0", 0.0, 1.0), ("doc9", 0.0, 0.0)]
)
def test_hits_count_passages_and_their_documents(relevant: str, first: float, fifth: float) -> None:
    asked = texts([Question("question 0", frozenset({relevant}))])
    row, _ = measuring.measure({"float32": Table(), "other": Table()}, asked, rounds=1)
    assert (row["hit_at_1"], row["hit_at_5"]) == (first, fifth)


def test_questions_about_other_files_do_not_count() -> None:
    asked = texts([Question("question 0", frozenset({"doc0"})), Question("question 1", frozenset({"elsewhere"}))])
    row = measuring.measure({"float32": Table()}, asked, rounds=1)[0]
    assert row["hit_at_1"] == 1.0


def test_variants_take_turns_with_the_same_texts_and_each_begins_once() -> None:
    engines = {"float32": Table(), "int8": Table()}
    measuring.measure(engines, texts([Question("question 3", frozenset({"doc0"}))]), rounds=4)
    assert engines["float32"].calls == engines["int8"].calls
    order: list[str] = []

    class Noting(Table):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def embed(self, given: Sequence[str]) -> Vectors:
            order.append(self.name)
            return super().embed(given)

    measuring.measure({"a": Noting("a"), "b": Noting("b")}, texts(), rounds=2)
    timed = [name for name, _ in itertools.groupby(order[2 * (COUNT + 1) :])]
    assert timed == ["a", "b", "a"]  # the second round begins with the other one


def test_speed_is_the_ratio_of_medians_with_quartiles() -> None:
    row = measuring.speed({"query": [1.0, 2.0, 100.0]}, {"query": [8.0, 6.0, 4.0]})
    assert (row["query_ms"], row["query_faster"]) == (2.0, 3.0)
    assert (row["query_q1"], row["query_q3"]) == (1.5, 51.0)
    assert row["query_iqr"] == "1.50–51.00"


def test_long_passages_are_longer_than_any_limit_however_short_the_texts() -> None:
    assert all(len(text.split()) == 300 for text in measuring.long_passages(texts()))


def test_the_devices_engine_is_what_is_measured() -> None:
    loaded = measuring.load(TINY, dimensions=DIMENSIONS, max_tokens=MAX_TOKENS, pooling="mean", threads=1)
    expected = [each for each in golden() if each["text"]]
    vectors = loaded.embed([each["text"] for each in expected])
    np.testing.assert_allclose(vectors, [each["vector"] for each in expected], atol=1e-5)


def test_a_folder_becomes_passages_of_whole_paragraphs(tmp_path: Path) -> None:
    paragraph = " ".join(["word"] * 50)
    for number in range(10):
        (tmp_path / f"manual{number}.md").write_text("\n\n".join([paragraph] * 5))
    (tmp_path / "picture.png").write_bytes(b"\xff")
    read = embedder_texts.read(tmp_path, None)
    assert len(read.ids) == 30  # 100, 100 and 50 words a file
    assert read.ids[:3] == ("manual0.md#0", "manual0.md#1", "manual0.md#2")
    assert read.answers(Question("?", frozenset({"manual0.md"}))) == {0, 1, 2}


def lines(path: Path, *values: object) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def test_json_lines_are_read_as_they_are(tmp_path: Path) -> None:
    passages = lines(tmp_path / "p.jsonl", *({"id": f"d#{number}", "text": f"t{number}"} for number in range(20)))
    questions = lines(
        tmp_path / "q.jsonl", {"question": "why?", "relevant": ["d#3"]}, {"question": "unknown", "relevant": []}
    )
    read = embedder_texts.read(passages, questions)
    assert (len(read.passages), [question.text for question in read.questions]) == (20, ["why?"])
    assert read.answers(read.questions[0]) == {3}


@pytest.mark.parametrize("bad", ["{", "[]", '{"id": 1, "text": "x"}', '{"id": "x"}'])
def test_a_bad_line_is_named(tmp_path: Path, bad: str) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "a", "text": "b"}\n' + bad + "\n")
    with pytest.raises(SourceError, match=r"line 2.*mend or remove"):
        embedder_texts.read(tmp_path / "p.jsonl", None)


def test_what_cannot_be_measured_is_said_at_once(tmp_path: Path) -> None:
    twenty = [{"id": str(number), "text": "t"} for number in range(20)]
    few, twice = lines(tmp_path / "few.jsonl", *twenty[:19]), lines(tmp_path / "twice.jsonl", *twenty, twenty[0])
    good, strange = (
        lines(tmp_path / "p.jsonl", *twenty),
        lines(tmp_path / "q.jsonl", {"question": "?", "relevant": ["x"]}),
    )
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b"\xff\xfe")
    for passages, questions, words in (
        (tmp_path / "none", None, "There is no"), (few, None, "19 passages"), (twice, None, "same id"),
        (good, strange, "other files"), (binary, None, "UTF-8"), (good, tmp_path / "none", "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(SourceError, match=words):
            embedder_texts.read(passages, questions)


def test_other_texts_have_another_hash() -> None:
    one, other = texts(), texts([Question("question 0", frozenset({"doc0"}))])
    assert one.sha256 == texts().sha256 != other.sha256


def test_our_own_sentences_are_passages_line_by_line_where_none_are_given() -> None:
    texts = embedder_texts.sentences(SENTENCES)
    assert len(texts.passages) == len(set(texts.ids)) == 200
    assert texts.questions == ()
