"""Machines for the end-to-end tests, and one knowledge base that all of them copy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from filelock import FileLock

from tests.e2e.machine import MANUALS, MODELS, SMALL, Ended, Machine, Namespace, Terminal, copy_of


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine without a knowledge base. Nothing may appear among its user's folders, whatever the test does."""
    fresh = Machine(tmp_path / "machine")
    yield fresh
    fresh.close()
    assert fresh.strays() == []


@pytest.fixture
def generator() -> None:
    """Needs the small generator."""
    if not (MODELS / SMALL / "manifest.json").exists():
        pytest.skip(f"{SMALL} is not in {MODELS}; run `fieldmate models pull {SMALL}` or set FIELDMATE_MODELS_DIR")


@pytest.fixture(scope="session")
def manuals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Ended]:
    """A machine to which the sample manuals were added, once for all workers, and what `add` said."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    machine, said = Machine(shared / "manuals"), shared / "manuals.json"
    with FileLock(shared / "manuals.lock"):
        if not said.exists():
            over = machine.run("add", MANUALS)
            machine.close()
            said.write_text(json.dumps([over.code, over.out, over.err]))
    over = Ended(*json.loads(said.read_text()))
    assert over.code == 0, over
    return machine, over


@pytest.fixture
def filled(manuals: tuple[Machine, Ended], tmp_path: Path) -> Iterator[Machine]:
    """A machine with a knowledge base of the sample manuals of its own."""
    copy = copy_of(manuals[0], tmp_path / "filled")
    yield copy
    copy.close()
    assert copy.strays() == []


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Opens terminals, and closes them with the test."""
    opened: list[Terminal] = []

    def open_(machine: Machine, *arguments: str, **options: object) -> Terminal:
        opened.append(Terminal(machine, *arguments, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_
    for one in opened:
        with suppress(OSError):
            one.close()


@pytest.fixture
def namespace() -> Iterator[Callable[..., Namespace]]:
    """Makes namespaces, or skips where the machine does not allow them."""
    made: list[Namespace] = []

    def make(kinds: str, prepare: str = "true") -> Namespace:
        try:
            one = Namespace(kinds, prepare)
        except OSError as exc:
            pytest.skip(f"no unshare here: {exc}")
        if not one.ready:
            pytest.skip(f"no namespace of its own is allowed here: {one.close().strip()}")
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
