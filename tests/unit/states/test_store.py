"""The folder of states: what was kept is found, what is damaged is not, and the budget holds."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.protocols import StateStore
from assistant.states import FileStates, default_budget, policy, store
from assistant.states.form import HEADER_BYTES
from tests.unit.states.samples import content, files, key, on_disk

SIZE = 1_000
FILE = SIZE + HEADER_BYTES
ROOMY = 100 * FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "states"


@pytest.fixture
def opened(folder: Path) -> Iterator[Callable[..., FileStates]]:
    """Opens the folder; what was opened is closed with the test."""
    made: list[FileStates] = []

    def opener(budget: int = ROOMY, **more: object) -> FileStates:
        made.append(FileStates(folder, budget, **more))  # type: ignore[arg-type]
        return made[-1]

    yield opener
    for one in made:
        one.close()


Opened = Callable[..., FileStates]


def keep(states: FileStates, number: int, size: int = SIZE, tokens: int = 100) -> bool:
    return states.keep(key(number), tokens, content(number, size))


def kept(states: FileStates, count: int = 20) -> list[int]:
    return [number for number in range(count) if states.holds(key(number))]


# Keeping and finding


def test_it_is_a_state_store(opened: Opened) -> None:
    assert isinstance(opened(), StateStore)


def test_what_is_kept_is_found_again_also_by_the_next_process(opened: Opened) -> None:
    first = opened()
    assert first.load(key(1)) is None
    assert not first.holds(key(1))
    assert keep(first, 1)
    assert first.load(key(1)) == content(1)
    first.close()
    first.close()
    second = opened()
    assert second.holds(key(1))
    assert second.load(key(1)) == content(1)
    assert second.asked(key(1)) == 3
    assert second.note == ""


def test_a_state_can_be_given_as_any_view_and_may_be_empty(opened: Opened) -> None:
    states = opened()
    assert states.keep(key(1), 5, memoryview(bytearray(content(1))).cast("H"))
    assert states.load(key(1)) == content(1)
    assert states.keep(key(2), 5, b"")
    assert states.load(key(2)) == b""


def test_keeping_again_replaces(opened: Opened) -> None:
    states = opened(FILE + 10)
    assert keep(states, 1)
    assert states.keep(key(1), 100, content(2))
    assert states.load(key(1)) == content(2)
    assert states.usage().count == 1
    assert states.usage().bytes == FILE


@pytest.mark.parametrize("bad", ["", "a", "../../etc/passwd", "AB" * 16, "x" * 64, "ab/cd", "ab" * 33, "ab\n"])
def test_what_is_no_digest_is_refused(opened: Opened, bad: str) -> None:
    states = opened()
    for call in (states.load, states.holds, states.asked, lambda one: states.keep(one, 1, b"x")):
        with pytest.raises(ValueError, match="hexadecimal"):
            call(bad)


def test_a_state_of_no_tokens_is_refused(opened: Opened) -> None:
    with pytest.raises(ValueError, match="tokens"):
        opened().keep(key(1), 0, b"x")


def test_nothing_is_made_before_it_is_needed(folder: Path, opened: Opened) -> None:
    states = opened()
    states.holds(key(1))
    states.load(key(1))
    assert not folder.exists()
    states.close()
    assert opened().asked(key(1)) == 1


# Damage


def test_every_byte_of_a_small_state_can_change_without_a_wrong_load(folder: Path, opened: Opened) -> None:
    states = opened()
    states.keep(key(1), 3, content(1, 40))
    (path,) = files(folder)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert states.load(key(1)) is None, place
        assert not path.exists()
    assert states.usage().damaged == len(whole)
    states.close()
    later = opened()
    assert later.usage().damaged == len(whole)
    assert "damaged" in later.note
    assert later.note.endswith("check the disk if the number grows.")


@pytest.mark.parametrize("cut", [0, 1, HEADER_BYTES - 1, HEADER_BYTES, FILE - 1])
def test_a_truncated_state_is_deleted_and_counted(folder: Path, opened: Opened, cut: int) -> None:
    states = opened()
    keep(states, 1)
    (path,) = files(folder)
    os.truncate(path, cut)
    assert states.load(key(1)) is None
    assert not states.holds(key(1))
    assert states.usage().damaged == 1
    assert states.usage().count == 0
    assert keep(states, 1)
    assert states.load(key(1)) == content(1)


def test_a_state_that_is_truncated_while_it_is_used_stays_what_it_was(folder: Path, opened: Opened) -> None:
    # Mapped, the next look at it would end this process.
    states = opened()
    states.keep(key(1), 100, content(1, 50_000))
    loaded = states.load(key(1))
    os.truncate(files(folder)[0], 10)
    assert loaded == content(1, 50_000)


def test_an_extended_state_is_damaged(folder: Path, opened: Opened) -> None:
    states = opened()
    keep(states, 1)
    with files(folder)[0].open("ab") as file:
        file.write(b"\0")
    assert states.load(key(1)) is None


def test_the_file_of_another_key_is_damaged(folder: Path, opened: Opened) -> None:
    states = opened()
    keep(states, 1)
    keep(states, 2)
    names = {path.stem: path for path in files(folder)}
    shutil.copy(names[key(1)], names[key(2)])
    assert states.load(key(2)) is None
    assert states.load(key(1)) == content(1)


def test_a_state_that_is_gone_is_a_miss(folder: Path, opened: Opened) -> None:
    states = opened()
    keep(states, 1)
    files(folder)[0].unlink()
    assert states.load(key(1)) is None
    assert states.usage().damaged == 0


# The budget


def test_no_budget_keeps_nothing_and_says_why(folder: Path, opened: Opened) -> None:
    states = opened(0)
    assert not keep(states, 1)
    assert files(folder) == []
    assert "budget is 0" in states.note
    assert states.note.endswith(".")


def test_a_state_fits_exactly_or_not_at_all(folder: Path, opened: Opened) -> None:
    assert not keep(opened(FILE - 1), 1)
    assert files(folder) == []
    assert keep(opened(FILE), 1)
    assert on_disk(folder) == FILE


def test_a_state_larger_than_the_budget_displaces_nothing(opened: Opened) -> None:
    states = opened(2 * FILE)
    assert keep(states, 1)
    assert keep(states, 2)
    for _ in range(5):
        states.load(key(3))
    assert not keep(states, 3, size=3 * SIZE)
    assert kept(states) == [1, 2]


def test_the_least_asked_goes_first_and_among_equals_the_one_not_used_for_longest(opened: Opened) -> None:
    states = opened(3 * FILE)
    for number in (1, 2, 3):
        keep(states, number)
    for number in (1, 1, 2, 3):
        states.load(key(number))
    states.load(key(4))
    assert keep(states, 4)
    assert kept(states) == [1, 3, 4]


def test_more_tokens_for_the_same_bytes_are_worth_more(opened: Opened) -> None:
    states = opened(2 * FILE)
    keep(states, 1, tokens=200)
    keep(states, 2, tokens=100)
    states.load(key(3))
    assert keep(states, 3, tokens=150)
    assert kept(states) == [1, 3]


def test_what_nobody_asked_for_does_not_displace_its_like(folder: Path, opened: Opened) -> None:
    # Filling in idle time ends when the budget is full, instead of writing for ever.
    states = opened(3 * FILE)
    assert [keep(states, number) for number in range(6)] == [True, True, True, False, False, False]
    assert kept(states) == [0, 1, 2]
    assert not states.admits(key(4), 100, SIZE)
    states.load(key(4))
    assert states.admits(key(4), 100, SIZE)
    assert keep(states, 4)
    assert on_disk(folder) == 3 * FILE


def test_a_newcomer_gets_in_once_it_was_asked_for_more_often(opened: Opened) -> None:
    states = opened(FILE)
    for _ in range(5):
        states.load(key(1))
    keep(states, 1)
    tries = 0
    while not keep(states, 2):
        assert states.asked(key(2)) == tries
        states.load(key(2))
        tries += 1
    assert tries == 5
    assert kept(states) == [2]


def test_old_popularity_fades(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "HALF_LIFE", 10)
    states = opened(FILE)
    for _ in range(50):
        states.load(key(1))
    keep(states, 1)
    for number in range(100, 160):  # Others are asked for once each; each half-life takes half of what came before.
        states.load(key(number))
    states.load(key(2))
    assert keep(states, 2)
    assert kept(states) == [2]


def test_asks_are_remembered_for_states_that_are_not_kept(opened: Opened) -> None:
    states = opened(FILE)
    for _ in range(3):
        states.load(key(7))
    states.close()
    assert opened(FILE).asked(key(7)) == 3


def test_only_so_many_states_that_are_not_kept_are_remembered(
    folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.states.index.GHOSTS", 50)
    monkeypatch.setattr("assistant.states.index._SLACK", 10)
    states = opened()
    keep(states, 0)
    for _ in range(3):
        states.load(key(1))
    for number in range(1_000, 2_000):
        states.load(key(number))
    states.close()
    with sqlite3.connect(folder / "index.db") as db:
        assert 50 <= db.execute("SELECT count(*) FROM states WHERE bytes = 0").fetchone()[0] <= 60
    later = opened()
    assert later.asked(key(1)) == 3
    assert later.asked(key(1_000)) == 0
    assert later.load(key(0)) == content(0)


def test_counting_costs_no_transaction_a_question(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    states = opened()
    keep(states, 1)
    written: list[int] = []
    write = store.Counts.ask
    monkeypatch.setattr("assistant.states.index.Index.write", lambda _, counts: written.append(counts.asks) or True)
    for _ in range(600):
        states.load(key(1))
    assert write is store.Counts.ask
    assert written == [256, 256]


def test_counts_are_written_after_a_while_also_without_a_close(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    states = opened()
    states.load(key(1))
    monkeypatch.setattr(store, "_EVERY_S", -1.0)
    states.load(key(1))
    assert opened(read_only=True).asked(key(1)) == 2


def test_a_smaller_budget_lets_go_of_the_least_valuable(folder: Path, opened: Opened) -> None:
    states = opened(5 * FILE)
    for number in range(5):
        keep(states, number)
    for number in (1, 3):
        states.load(key(number))
    states.close()
    smaller = opened(2 * FILE)
    assert smaller.usage().count == 2
    assert kept(smaller) == [1, 3]
    assert on_disk(folder) == 2 * FILE


def test_states_of_models_that_nobody_uses_go_first(opened: Opened) -> None:
    old = opened(3 * FILE, space="old model")
    for number in (1, 2):
        keep(old, number)
        for _ in range(9):
            old.load(key(number))
    old.close()
    new = opened(3 * FILE, space="new model")
    assert not new.holds(key(1))
    for number in (3, 4, 5):
        assert keep(new, number)
    assert kept(new) == [3, 4, 5]
    assert kept(old) == []


def test_states_of_a_model_that_is_in_use_are_judged_like_ones_own(opened: Opened) -> None:
    other = opened(2 * FILE, space="other model")
    for number in (1, 2):
        keep(other, number)
        other.load(key(number))
    other.asked(key(1))
    own = opened(2 * FILE, space="own model")
    assert not keep(own, 3)
    own.load(key(3))
    own.load(key(3))
    other.close()
    other.load(key(1))
    assert keep(own, 3)
    assert own.usage().count == 2


def test_clear_forgets_everything(folder: Path, opened: Opened) -> None:
    states = opened(space="one")
    keep(states, 1)
    keep(opened(space="other"), 2)
    states.load(key(1))
    states.clear()
    assert files(folder) == []
    usage = states.usage()
    assert (usage.count, usage.bytes, usage.tokens, usage.hits, usage.misses) == (0, 0, 0, 0, 0)
    assert states.asked(key(1)) == 0
    assert keep(states, 1)


def test_usage_tells_what_is_there(opened: Opened) -> None:
    states = opened()
    keep(states, 1, tokens=70)
    keep(states, 2, tokens=30)
    for number in (1, 1, 2, 9):
        states.load(key(number))
    states.close()
    usage = opened(read_only=True).usage()
    assert (usage.count, usage.bytes, usage.budget, usage.tokens) == (2, 2 * FILE, ROOMY, 100)
    assert (usage.hits, usage.misses, usage.damaged) == (3, 1, 0)


# The default budget


@pytest.mark.parametrize(
    ("free", "budget"),
    [(0, 0), (999_999_999, 0), (10**9, 10**8), (5 * 10**9, 5 * 10**8), (10**10, 10**9), (10**13, 10**9)],
)
def test_the_default_budget_is_a_tenth_of_what_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, budget: int
) -> None:
    monkeypatch.setattr(store, "free_bytes", lambda _: free)
    assert default_budget(tmp_path / "not" / "there" / "yet") == budget
    assert list(tmp_path.iterdir()) == []


def test_the_default_budget_does_not_shrink_as_it_is_used(
    folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = opened(10**7)
    keep(states, 1, size=10**6)
    used = states.usage().bytes
    monkeypatch.setattr(store, "free_bytes", lambda _: 2 * 10**9 - used)
    assert default_budget(folder) == 2 * 10**8


def test_a_disk_that_cannot_be_asked_gets_no_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store, "free_bytes", refuse)
    assert default_budget(tmp_path) == 0


# Everything together


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["load", "load", "keep", "keep", "damage", "delete", "reopen", "unindex", "other"]),
            st.integers(0, 7), st.integers(0, 900), st.integers(1, 300),
        ),
        max_size=40,
    ),
    budget=st.integers(0, 4_000),
)  # fmt: skip
def test_whatever_happens_the_budget_holds_and_a_load_gives_what_was_kept_last(
    tmp_path: Path, steps: list[tuple[str, int, int, int]], budget: int
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    states, other = FileStates(folder, budget), FileStates(folder, budget, space="other")
    last: dict[int, bytes] = {}
    for what, number, size, tokens in steps:
        if what == "load":
            loaded = states.load(key(number))
            assert loaded is None or loaded == last[number]
        elif what == "keep":
            given_state = content(size, size)
            if states.keep(key(number), tokens, given_state):
                last[number] = given_state
                assert states.load(key(number)) == given_state
        elif what == "other":
            other.keep(key(number), tokens, content(number, size))
        elif what == "reopen":
            states.close()
            states = FileStates(folder, budget)
        elif what == "unindex":
            states.close()
            other.close()
            for path in folder.glob("index.db*"):
                path.unlink()
        elif there := [path for path in files(folder) if path.stem == key(number)]:
            if what == "delete":
                there[0].unlink()
            else:
                damaged = bytearray(there[0].read_bytes())
                damaged[size % len(damaged)] ^= 1 + size % 255
                there[0].write_bytes(damaged)
        assert on_disk(folder) <= budget
    assert states.usage().bytes >= on_disk(folder)
    assert "cannot" not in states.note
    states.close()
    other.close()
    shutil.rmtree(folder)


def test_threads_may_share_one(opened: Opened, folder: Path) -> None:
    states = opened(5 * FILE)
    wrong: list[int] = []

    def work(first: int) -> None:
        for number in [first, first + 1, first + 2] * 20:
            loaded = states.load(key(number))
            if loaded is None:
                keep(states, number)
            elif loaded != content(number):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert on_disk(folder) <= 5 * FILE
    assert states.usage().hits + states.usage().misses == 240
