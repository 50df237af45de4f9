"""The steps that are disturbed: what lies in the folder before each, what it does, and what must hold afterwards."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from assistant import Assistant, Settings
from assistant.bundles.keys import load_private, make_pair
from assistant.bundles.trust import trust
from assistant.errors import StorageError
from assistant.ingest.describing import Describer
from assistant.settings import EmbedderSettings, RetrievalSettings
from assistant.store import Store
from assistant.store.lexical_index import LexicalIndex
from assistant.types import FileReport
from tests.artifacts.tiny import TINY, TINY_ID

Say = Callable[[str], None]
"""Is told each file of which the product has said that it is stored, or removed."""

OTHER_ID = "other-embedder"
FILES = ("boiler", "filter", "motor", "pump", "valve")
_GRAPH_FROM = 5
"""Passages from which there is an index of vectors and of words: so that their files take part."""


def text(topic: str, edition: int = 1) -> str:
    """A manual of a few passages."""
    parts = [f"# The {topic}", f"Edition {edition}: set the {topic} to {len(topic)} bar before use."]
    parts += [f"## Part {n}\n\nThe {topic} has a screw {n}. Turn it by {n} degrees." for n in range(4)]
    return "\n\n".join(parts)


def settings(root: str | Path, embedder: str = TINY_ID) -> Settings:
    """Of the knowledge base below `root`."""
    return Settings(
        data_dir=Path(root, "data"),
        embedder=EmbedderSettings(id=embedder, threads=1),
        retrieval=RetrievalSettings(exact_below=_GRAPH_FROM),
    )


def prepared() -> None:
    """Import what the steps import in functions, and load once what tells languages apart.

    Small knowledge bases get an index of words here.
    """
    for name in ("assistant.ingest.syncing", "assistant.store.backup", "assistant.store.repair", "assistant.upkeep",
                 "assistant.bundles.updating", "assistant.bundles.publishing", "assistant.wiring", "onnxruntime",
                 "hnswlib", "py3langid.langid", "markdown_it", "assistant.engines.onnx"):  # fmt: skip
        importlib.import_module(name)
    identifier = Describer()._identifier
    Describer._identifier = property(lambda _: identifier)  # type: ignore[assignment]
    defaults = LexicalIndex.__init__.__kwdefaults__
    assert defaults is not None
    defaults["build_from"] = _GRAPH_FROM


# What lies there before


def _base(root: Path) -> None:
    """A machine with two embedders and a folder of manuals, and nothing added."""
    (root / "manuals").mkdir(parents=True)
    (root / "out").mkdir()
    for topic in FILES:
        (root / "manuals" / f"{topic}.md").write_text(text(topic))
    for ident in (TINY_ID, OTHER_ID):
        shutil.copytree(TINY, root / "data" / "models" / ident, ignore=shutil.ignore_patterns("golden.json"))
    manifest = root / "data" / "models" / OTHER_ID / "manifest.json"
    manifest.write_text(manifest.read_text().replace(TINY_ID, OTHER_ID))


def _added(root: Path) -> None:
    _base(root)
    with Assistant.open(settings(root)) as fieldmate:
        fieldmate.add([root / "manuals"], tags=["all"])


def _edited(root: Path) -> None:
    """After an edit, a deletion, a renaming and an addition."""
    _added(root)
    manuals = root / "manuals"
    (manuals / "pump.md").write_text(text("pump", 2))
    (manuals / "valve.md").unlink()
    (manuals / "motor.md").rename(manuals / "engine.md")
    (manuals / "sensor.md").write_text(text("sensor"))


def _backed_up(root: Path) -> None:
    """With a backup of a former state."""
    _added(root)
    with Assistant.open(settings(root)) as fieldmate:
        fieldmate.backup(root / "out" / "kb.fieldmate")
        fieldmate.remove("pump.md")


def _damaged(root: Path) -> None:
    """With a document, the words of a passage and a vector that are not what was written."""
    _added(root)
    with Store.open(settings(root).database, create=False) as store, store.writing() as db:
        db.execute("UPDATE documents SET text = replace(text, 'bar', 'psi') WHERE name LIKE '%pump%'")
        db.execute("DELETE FROM passages_fts WHERE rowid = 3")
        db.execute("DELETE FROM vectors WHERE passage_id = 5")


def _published(root: Path) -> None:
    """With two editions of a bundle, made elsewhere, of which the first is installed beside own documents."""
    _base(root)
    (root / "own").mkdir()
    (root / "own" / "note.md").write_text(text("note"))
    key = root / "out" / "key.pem"
    make_pair(key, None)
    private = load_private(key, None)
    elsewhere = Settings(**{**_fields(settings(root)), "data_dir": root / "elsewhere"})
    shutil.copytree(root / "data" / "models", root / "elsewhere" / "models")
    with Assistant.open(elsewhere) as publisher:
        publisher.add([root / "manuals"])
        publisher.bundle(root / "out" / "one.fmkb", private, name="manuals", version=1)
        (root / "manuals" / "pump.md").write_text(text("pump", 2))
        (root / "manuals" / "valve.md").unlink()
        publisher.sync()
        publisher.bundle(root / "out" / "two.fmkb", private, name="manuals", version=2, since=root / "out" / "one.fmkb")
    shutil.rmtree(root / "elsewhere")
    trust(settings(root).home / "bundles", private.public)
    with Assistant.open(settings(root)) as device:
        device.add([root / "own"])
        device.update(root / "out" / "one.fmkb")


def _updated(root: Path) -> None:
    _published(root)
    _update(str(root), lambda _: None)


def _fields(one: Settings) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


# What is done


def _said(say: Say) -> Callable[[FileReport], None]:
    return lambda report: say(f"{report.outcome} {report.source}")


def _add(root: str, say: Say) -> None:
    with Assistant.open(settings(root)) as fieldmate:
        report = fieldmate.add([Path(root, "manuals")], tags=["all"], each=_said(say))
        assert not report.count("refused"), report


def _sync(root: str, say: Say) -> None:
    with Assistant.open(settings(root)) as fieldmate:
        fieldmate.sync(each=_said(say))


def _remove(root: str, say: Say) -> None:
    with Assistant.open(settings(root)) as fieldmate:
        for name in ("pump.md", "boiler.md"):
            for removed in fieldmate.remove(name):
                say(f"removed {Path(root, 'manuals', removed)}")


def _change(root: str, say: Say) -> None:
    with Assistant.open(settings(root, OTHER_ID)) as fieldmate:
        fieldmate.sync()


def _backup(root: str, say: Say) -> None:
    with Assistant.open(settings(root)) as fieldmate:
        fieldmate.backup(Path(root, "out", "kb.fieldmate"))


def _restore(root: str, say: Say) -> None:
    with Assistant.open(settings(root)) as fieldmate:
        fieldmate.restore(Path(root, "out", "kb.fieldmate"))


def _repair(root: str, say: Say) -> None:
    with Assistant.open(settings(root)) as fieldmate:
        fieldmate.repair()


def _update(root: str, say: Say) -> None:
    with Assistant.open(settings(root)) as fieldmate:
        fieldmate.update(Path(root, "out", "two.fmkb"))


def _roll_back(root: str, say: Say) -> None:
    with Assistant.open(settings(root)) as fieldmate:
        if fieldmate.bundles()[0].version != 1:  # else the disturbed step had done it already
            fieldmate.roll_back()


STEPS: dict[str, Callable[[str, Say], None]] = {
    "add": _add,
    "sync": _sync,
    "remove": _remove,
    "change": _change,
    "backup": _backup,
    "restore": _restore,
    "repair": _repair,
    "update": _update,
    "roll back": _roll_back,
}
BEFORE: dict[str, Callable[[Path], None]] = {
    "add": _base,
    "sync": _edited,
    "remove": _added,
    "change": _added,
    "backup": _backed_up,
    "restore": _backed_up,
    "repair": _damaged,
    "update": _published,
    "roll back": _updated,
}


# What is there afterwards


def state(database: Path) -> dict[str, Any]:
    """Everything that a knowledge base says, without the numbers and times of its rows."""
    try:
        opened = Store.open(database, create=False)
    except StorageError:  # There is none, or one in which nothing has been written.
        return {}
    with opened as store:
        problems = store.check()
        if problems:
            return {"problems": [problem.message for problem in problems]}
        found: dict[str, Any] = {"live": store.live, "folders": store.folders(), "left out": store.left_out()}
        for record in store.documents():
            ids = store.passage_ids(record.name)
            passages = store.passage(ids)
            assert list(passages) == ids
            vectors = store.select_vectors(store.live or "", np.array(sorted(ids), dtype=np.int64))
            found[record.source] = (
                record.name, record.title, record.content_hash, record.language, record.tags, record.dated,
                [(one.text, one.heading_path, one.context) for one in passages.values()],
                np.round(vectors, 3).tolist(),
            )  # fmt: skip
        return found
