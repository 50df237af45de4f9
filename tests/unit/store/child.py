"""What the store's tests do in processes of their own: `python child.py TASK ARGUMENTS…`."""

# ruff: noqa: T201  # What it prints is what it reports to the test.

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from assistant.errors import FieldmateError, KnowledgeBaseError, StorageError
from assistant.store import Store, VectorIndex
from assistant.store.inventory import Inventory
from assistant.store.lexical_index import LexicalIndex
from tests.unit.store.samples import DIMENSIONS, FINGERPRINT, filled, flipped, parts, unit_vectors

NOBODY = 65534


def write(path: str, prefix: str, count: str) -> None:
    """Add documents one after the other, naming each once it is stored."""
    with Store.open(Path(path), create=True) as store:
        for number in range(int(count)):
            sample = parts(f"{prefix}-{number}.md", 5, seed=number)
            store.put(*sample)
            print(sample[0].name, flush=True)


def hold(path: str) -> None:
    """Keep the write lock until the end of standard input."""
    with Store.open(Path(path), create=True) as store, store.writing():
        print("held", flush=True)
        sys.stdin.read()


def kill_at_statements(path: str) -> None:
    """Kill a process at each SQL statement of put, replace and remove; print how each left the knowledge base."""
    template = Path(path).with_suffix(".template")
    filled(template, documents=2)
    for action in (_add, _replace, _remove):
        statement, ended = 0, False
        while not ended:
            statement += 1
            shutil.copyfile(template, path)
            ended = _forked(action, Path(path), statement)
            with Store.open(Path(path), create=False) as store:
                problems = [problem.message for problem in store.check()]
                texts = sorted(text for id_ in store.passage_ids() for text in [store.passage([id_])[id_].text])
            print(json.dumps([action.__name__, statement, ended, problems, texts]))


def _add(store: Store) -> None:
    store.put(*parts("new.md", 3, seed=5))


def _replace(store: Store) -> None:
    store.put(*parts("manual-0.md", 3, seed=5))


def _remove(store: Store) -> None:
    store.remove("manual-0.md")


def _forked(action: Callable[[Store], None], path: Path, statement: int) -> bool:
    """Whether the action came to its end before its process was killed."""
    child = os.fork()
    if not child:
        store = Store.open(path, create=False)
        left = [statement]

        def trace(_: str) -> None:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        store._db.conn.set_trace_callback(trace)
        action(store)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def fill_limited(path: str, limit: str) -> None:
    """Add documents until no file may grow any more, then with the limit lifted again."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    fill(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with Store.open(Path(path), create=False) as store:
        print(store.put(*parts("late.md", 5)), store.check())


def fill(path: str) -> None:
    """Add documents until there is no space; print how many are stored, the error, and what is found afterwards."""
    stored = 0
    try:
        with Store.open(Path(path), create=True) as store:
            while stored < 10_000:
                store.put(*parts(f"{stored}.md", 20, seed=stored))
                stored += 1
    except StorageError as error:
        print(stored, error, sep="\n")
    with Store.open(Path(path), create=False, read_only=True) as store:
        print(len(store.documents()), store.check())


def read(path: str, read_only: str) -> None:
    """Open without the rights of the superuser, and print what is there or why not."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        with Store.open(Path(path), create=False, read_only=read_only == "read_only") as store:
            print(len(store.documents()), store.lexical(["passage"], 1)[0][0], store.check())
    except FieldmateError as error:
        print(type(error).__name__, error)


def mutate_database(path: str, first: str, last: str) -> None:
    """Use damaged copies of a knowledge base; print each answer that is neither right nor a clear error."""
    originals = filled(Path(path))
    data, outcomes = Path(path).read_bytes(), {"right": 0, "detected": 0, "unclear": 0}
    for seed in range(int(first), int(last)):
        for leftover in Path(path).parent.iterdir():
            leftover.unlink()
        Path(path).write_bytes(flipped(data, np.random.default_rng(seed)))
        try:
            with Store.open(Path(path), create=True, busy_timeout=1) as store:
                _use(store, originals)
                outcomes["right"] += 1
        except (KnowledgeBaseError, StorageError) as error:
            outcomes["detected" if str(error).endswith(".") else "unclear"] += 1
        except Exception as error:
            print(f"seed {seed}: {error!r}")
    print(json.dumps(outcomes))


def _use(store: Store, originals: dict[str, list]) -> None:
    store.check()
    for record in store.documents():
        found = store.passage(store.passage_ids(record.name))
        wrong = [passage for passage in found.values() if passage not in originals[passage.document]]
        assert not wrong, f"a passage that nobody wrote: {wrong}"
        read = store.document(record.name)
        assert read is None or all(text.text in read[1] for text in originals[record.name])
    store.passage([id_ for id_, _ in store.lexical(["manual-1.md", "passage"], 5)])
    _, matrix = store.load_vectors(FINGERPRINT)
    written = np.concatenate([unit_vectors(4, seed) for seed in range(3)])
    assert all((written == row).all(axis=1).any() for row in matrix), "a vector that nobody wrote"
    store.put(*parts("another.md", 2, seed=9))
    store.remove("another.md")


def mutate_index(folder: str, first: str, last: str) -> None:
    """Search with damaged copies of the cache; print each result that differs from the exact one."""
    path, cache = Path(folder) / "knowledge.db", Path(folder) / "index"
    filled(path, documents=4, passages=50)
    outcomes = {"exact": 0, "hnsw": 0}
    with Store.open(path, create=False) as store:
        VectorIndex(store, FINGERPRINT, DIMENSIONS, cache, exact_below=100).build()
        files = {file: file.read_bytes() for file in sorted(cache.iterdir())}
        query = unit_vectors(1, 77)[0]
        expected = VectorIndex(store, FINGERPRINT, DIMENSIONS, cache, exact_below=1000).search(query, 5)[0].tolist()
        control = VectorIndex(store, FINGERPRINT, DIMENSIONS, cache, exact_below=100)
        if control.search(query, 5)[0].tolist() != expected or control.kind != "hnsw":
            print("the undamaged cache is not used")
        for seed in range(int(first), int(last)):
            random = np.random.default_rng(seed)
            for file, data in files.items():
                file.write_bytes(data)
            victim = list(files)[seed % len(files)]
            victim.write_bytes(flipped(files[victim], random))
            index = VectorIndex(store, FINGERPRINT, DIMENSIONS, cache, exact_below=100)
            found = index.search(query, 5)[0].tolist()
            outcomes[index.kind] += 1
            damaged = victim.read_bytes() != files[victim] and victim.suffix != ".json"
            if found != expected or (damaged and index.kind == "hnsw"):
                print(f"seed {seed}: {found} instead of {expected}, {index.kind}")
    print(json.dumps(outcomes))


def mutate_words(folder: str, first: str, last: str) -> None:
    """Search with damaged copies of the posting lists; print each result that differs from that of FTS5."""
    path, cache = Path(folder) / "knowledge.db", Path(folder) / "index"
    filled(path, documents=4, passages=50)
    outcomes = {"fts5": 0, "lists": 0}
    with Store.open(path, create=False) as store:
        words_of(store, cache).build()
        files = {file: file.read_bytes() for file in sorted(cache.iterdir())}
        query = ["passage", "manual-1.md", "7", "says", "service"]
        expected = store.lexical(query, 20)
        control = words_of(store, cache)
        if control.lexical(query, 20) != expected or control.kind != "lists":
            print("the undamaged cache is not used")
        for seed in range(int(first), int(last)):
            for file, data in files.items():
                file.write_bytes(data)
            victim = list(files)[seed % len(files)]
            victim.write_bytes(flipped(files[victim], np.random.default_rng(seed)))
            words = words_of(store, cache)
            found = words.lexical(query, 20)
            outcomes[words.kind] += 1
            damaged = victim.read_bytes() != files[victim] and victim.suffix != ".json"
            if found != expected or (damaged and words.kind == "lists"):
                print(f"seed {seed}: {found} instead of {expected}, {words.kind}")
    print(json.dumps(outcomes))


def words_of(store: Store, cache: Path) -> LexicalIndex:
    """The lists of a store, however few passages it has."""
    return LexicalIndex(store, Inventory(store, FINGERPRINT), cache, FINGERPRINT, build_from=1)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
