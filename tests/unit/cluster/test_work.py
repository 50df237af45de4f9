"""A portion that is fetched and made is what the local path makes of its files: without Ray, whose part is to call."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assistant.cluster import work
from assistant.cluster.work import Fetched, Job, Made, Model, Sent, digest, fetch, make
from assistant.engines.onnx import OnnxEmbedder
from assistant.errors import InputError, ModelDamaged
from assistant.ingest.adding import Adder
from assistant.ingest.finding import find
from assistant.store.database import Store
from tests.artifacts.tiny import DIMENSIONS, MAX_TOKENS, TINY, open_tiny_embedder
from tests.e2e.machine import write_folder

LIMITS = {"max_tokens": 64, "max_file_bytes": 100_000}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda reference: reference))
    monkeypatch.setattr(work, "_makers", {})
    names = ("model.onnx", "tokenizer.json")
    content = {name: (TINY / name).read_bytes() for name in names}
    hashes = tuple((name, hashlib.sha256(content[name]).hexdigest()) for name in names)
    return Job("run", Model("tiny", "onnx", "tiny", DIMENSIONS, MAX_TOKENS, "mean", hashes), content, _load, **LIMITS)


def _load(model: Model, folder: Path) -> OnnxEmbedder:
    return OnnxEmbedder(folder, model.fingerprint, dimensions=model.dimensions, max_tokens=model.max_tokens, threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Notes, two with the same text, and files of every kind of trouble."""
    folder = write_folder(tmp_path / "notes", 12, sections=3)
    (folder / "note-03-copy.md").write_bytes((folder / "note-03.md").read_bytes())
    (folder / "note-04 ünï.txt").write_text("Die Lampe hat 4 A und der Ausgang 12 V. Prüfen Sie beides.", "utf-8")
    os.utime(folder / "note-05.md", (86_400, 86_400))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "large.txt").write_bytes(b"a" * (LIMITS["max_file_bytes"] + 1))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    return folder


def sent(folder: Path) -> list[Sent]:
    return [Sent(str(found.path), found.names[0]) for found in find([folder])]


def through(files: list[Sent], job: Job) -> list[Made]:
    row: dict[str, Any] = {"number": 0, "files": files, "problem": None}
    row = make(fetch(row, job), job)
    if row["problem"] is not None:
        raise row["problem"]
    made: list[Made] = row["files"]
    return made


def test_documents_passages_words_and_vectors_are_those_of_the_local_path(
    job: Job, folder: Path, tmp_path: Path
) -> None:
    made = through(sent(folder), job)
    with Store.open(tmp_path / "knowledge.db", create=True) as store:
        adder = Adder(store, open_tiny_embedder(), **LIMITS)
        reports = list(adder.add([folder]))
        assert [one.source for one in made] == [report.source for report in reports]
        assert [one.refused for one in made] == [report.reason for report in reports]
        assert sum(bool(one.refused) for one in made) == 3
        for one in made:
            if one.document is None:
                continue
            record, text = store.document(one.document.name) or pytest.fail("it is not stored")
            assert (one.document.text, one.document.modified, one.document.language) == (
                text,
                record.modified,
                record.language,
            )
            ids = store.passage_ids(one.document.name)
            assert [passage.searchable() for passage in one.passages] == [
                passage.searchable() for passage in store.passage(ids).values()
            ]
            assert one.vectors is not None
            np.testing.assert_array_equal(one.vectors, store.select_vectors("tiny", np.array(ids)))
            assert [(heading.split(), body.split()) for heading, body in one.tokens] == [
                (heading, body) for _, heading, body in store.passage_tokens(ids[0], ids[-1])
            ]


def test_a_text_whose_vector_is_known_is_not_embedded(job: Job, folder: Path) -> None:
    files = [one for one in sent(folder) if one.name == "note-01.md"]
    (fresh,) = through(files, job)
    known = frozenset({digest(fresh.passages[0].searchable())})
    (again,) = through([replace(files[0], known=known)], job)
    assert again.vectors is not None
    assert fresh.vectors is not None
    assert not again.vectors[0].any()
    np.testing.assert_allclose(again.vectors[1:], fresh.vectors[1:], atol=1e-6)


def test_a_file_that_has_ended_three_processes_is_refused_and_its_neighbours_are_not(
    job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sent(folder)[3:6]

    class Counted:
        def __init__(self, run: str) -> None:
            assert run == job.id

        def of(self, name: str) -> Any:
            return contextlib.nullcontext(3 if name == f"file-{digest(files[1].source).hex()}" else 0)

    monkeypatch.setattr(work, "Attempts", Counted)
    made = through(files, job)
    assert [bool(one.refused) for one in made] == [False, True, False]
    assert "has ended 3 processes that read it" in made[1].refused


def test_a_model_that_arrives_with_another_byte_is_not_used(job: Job, folder: Path) -> None:
    content = dict(job.content)
    content["model.onnx"] = content["model.onnx"][:-1] + b"\0"
    with pytest.raises(ModelDamaged, match=r"model\.onnx of tiny .* other bytes"):
        through(sent(folder), replace(job, content=content))


def test_another_version_makes_nothing(job: Job, folder: Path) -> None:
    with pytest.raises(InputError, match="install the same version"):
        through(sent(folder), replace(job, version="0.0.1"))


def test_a_file_that_is_gone_when_it_is_fetched_is_refused(job: Job, tmp_path: Path) -> None:
    (made,) = through([Sent(str(tmp_path / "note.md"), "note.md")], job)
    assert made.refused == "note.md is not there; check the path and add it again."


def test_nothing_is_left_on_the_worker(job: Job, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert through(sent(folder), job)
    assert list(scratch.iterdir()) == []


def test_what_a_fetched_file_was_refused_for_is_reported_as_it_is(job: Job) -> None:
    row = {"number": 3, "files": [Fetched(Sent("/a.md", "a.md"), refused="a.md may not be read.")], "problem": None}
    assert make(row, job) == {"number": 3, "files": [Made("/a.md", refused="a.md may not be read.")], "problem": None}
