from __future__ import annotations

from pathlib import Path

import pytest

from assistant.artifacts.fetch import download, open_client
from assistant.artifacts.fields import ExpectedFile
from assistant.artifacts.staging import SourceError

from .conftest import Heard, Server, gguf, sha256

DATA = gguf(200_000)


def fetch(
    server: Server, folder: Path, heard: Heard, *, pinned: bool = True, data: bytes = DATA, path: str = "/f"
) -> bytes:
    expected = ExpectedFile("f.gguf", len(data) if pinned else None, sha256(data) if pinned else None)
    with open_client() as client:
        download(client, server.url + path, folder / "f.gguf", expected, heard.report, pause_s=0.01)
    assert [file.name for file in folder.iterdir()] == ["f.gguf"], "nothing but the file is left"
    return (folder / "f.gguf").read_bytes()


def leave_part(folder: Path, part: bytes, note: str | None = None) -> None:
    (folder / "f.gguf.part").write_bytes(part)
    if note is not None:
        (folder / "f.gguf.note").write_text(note)


@pytest.mark.parametrize("pinned", [True, False])
def test_a_whole_file_comes(server: Server, tmp_path: Path, heard: Heard, pinned: bool) -> None:
    server.put("/f", DATA)
    assert fetch(server, tmp_path, heard, pinned=pinned) == DATA
    assert heard.steps[-1][:2] == (len(DATA), len(DATA))


@pytest.mark.parametrize("pinned", [True, False])
def test_a_cut_connection_goes_on_where_it_ended(server: Server, tmp_path: Path, heard: Heard, pinned: bool) -> None:
    server.put("/f", DATA).cut_at = [70_000, 30_000]
    assert fetch(server, tmp_path, heard, pinned=pinned) == DATA
    assert [asked.range for asked in server.log] == [None, "bytes=70000-", "bytes=100000-"]
    assert sum(asked.sent for asked in server.log) == len(DATA)


def test_what_an_earlier_run_left_is_not_asked_for_again(server: Server, tmp_path: Path, heard: Heard) -> None:
    server.put("/f", DATA)
    leave_part(tmp_path, DATA[:150_000])
    assert fetch(server, tmp_path, heard) == DATA
    assert [(asked.range, asked.sent) for asked in server.log] == [("bytes=150000-", 50_000)]


def test_a_complete_part_needs_no_request(server: Server, tmp_path: Path, heard: Heard) -> None:
    leave_part(tmp_path, DATA)
    assert fetch(server, tmp_path, heard) == DATA
    assert server.log == []


def test_a_part_that_cannot_be_matched_is_not_trusted_without_a_hash(
    server: Server, tmp_path: Path, heard: Heard
) -> None:
    server.put("/f", DATA)
    leave_part(tmp_path, b"x" * 1000)
    assert fetch(server, tmp_path, heard, pinned=False) == DATA
    assert server.log[0].range is None


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path, heard: Heard) -> None:
    resource = server.put("/f", DATA)
    resource.takes_ranges = False
    resource.cut_at = [70_000]
    assert fetch(server, tmp_path, heard) == DATA
    assert [asked.status for asked in server.log] == [200, 200]


def test_a_file_that_changes_between_attempts_is_fetched_whole(server: Server, tmp_path: Path, heard: Heard) -> None:
    new = gguf(210_000, seed=9)
    server.put("/f", new).etag = '"two"'
    leave_part(tmp_path, DATA[:50_000], f'{{"url":"{server.url}/f","validator":"\\"one\\"","total":{len(DATA)}}}')
    assert fetch(server, tmp_path, heard, pinned=False, data=new) == new
    assert server.log[-1].status == 200


def test_a_server_that_ignores_if_range_is_caught_by_its_own_etag(server: Server, tmp_path: Path, heard: Heard) -> None:
    new = gguf(len(DATA), seed=9)
    resource = server.put("/f", new)
    leave_part(tmp_path, DATA[:50_000], f'{{"url":"{server.url}/f","validator":null,"total":{len(DATA)}}}')
    assert fetch(server, tmp_path, heard, data=new) == new, "the hash shows the mixture, and one whole download follows"
    assert [asked.range for asked in server.log] == ["bytes=50000-", None]
    assert any("starting over" in notice for notice in heard.notices)
    assert resource.etag == '"one"'


def test_a_damaged_part_costs_one_whole_download(server: Server, tmp_path: Path, heard: Heard) -> None:
    server.put("/f", DATA)
    leave_part(tmp_path, bytes(100_000))
    assert fetch(server, tmp_path, heard) == DATA
    assert [asked.range for asked in server.log] == ["bytes=100000-", None]


def test_a_part_longer_than_the_file_is_dropped(server: Server, tmp_path: Path, heard: Heard) -> None:
    server.put("/f", DATA)
    leave_part(tmp_path, DATA + b"more")
    assert fetch(server, tmp_path, heard) == DATA


def test_a_range_beyond_the_end_starts_over(server: Server, tmp_path: Path, heard: Heard) -> None:
    short = DATA[:100]
    server.put("/f", DATA)
    note = f'{{"url":"{server.url}/f","validator":null,"total":{len(DATA) + 5}}}'
    leave_part(tmp_path, DATA + b"abc", note)
    assert fetch(server, tmp_path, heard, pinned=False) == DATA
    assert [asked.status for asked in server.log] == [416, 200]
    assert short == DATA[:100]


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path, heard: Heard) -> None:
    server.put("/f", DATA).statuses = [503, 429, 500]
    assert fetch(server, tmp_path, heard) == DATA


def test_a_server_that_never_finishes_is_given_up(server: Server, tmp_path: Path, heard: Heard) -> None:
    resource = server.put("/f", DATA)
    resource.takes_ranges = False
    resource.cut_at = [1000] * 20
    with pytest.raises(SourceError):
        fetch(server, tmp_path, heard)
    assert 2 <= len(server.log) <= 7


@pytest.mark.parametrize(("status", "by_pip"), [(401, True), (403, True), (404, False), (410, False)])
def test_a_refusal_is_told_and_not_repeated(
    server: Server, tmp_path: Path, heard: Heard, status: int, by_pip: bool
) -> None:
    server.put("/f", DATA).statuses = [status] * 9
    with pytest.raises(SourceError, match=str(status)) as caught:
        fetch(server, tmp_path, heard)
    assert caught.value.by_pip is by_pip
    assert len(server.log) == 1


def test_another_file_is_refused_with_both_hashes(server: Server, tmp_path: Path, heard: Heard) -> None:
    wrong = gguf(len(DATA), seed=7)
    server.put("/f", wrong)
    with pytest.raises(SourceError) as caught:
        fetch(server, tmp_path, heard)
    assert sha256(wrong) in str(caught.value)
    assert sha256(DATA) in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "wrong bytes are not kept for another try"


def test_a_file_of_another_length_is_refused_before_it_is_fetched(server: Server, tmp_path: Path, heard: Heard) -> None:
    server.put("/f", DATA + b"x")
    with pytest.raises(SourceError, match=f"{len(DATA) + 1} bytes, not {len(DATA)}"):
        fetch(server, tmp_path, heard)
    assert not (tmp_path / "f.gguf").exists()


def test_without_a_length_there_is_nothing_to_check_an_unpinned_file_by(
    server: Server, tmp_path: Path, heard: Heard
) -> None:
    server.put("/f", DATA).says_length = False
    with pytest.raises(SourceError, match="does not say how long"):
        fetch(server, tmp_path, heard, pinned=False)


@pytest.mark.parametrize("cut", [[], [50_000]])
def test_without_a_length_a_pinned_file_still_comes_whole(
    server: Server, tmp_path: Path, heard: Heard, cut: list[int]
) -> None:
    resource = server.put("/f", DATA)
    resource.says_length = False
    resource.cut_at = cut
    assert fetch(server, tmp_path, heard) == DATA


def test_more_than_was_promised_is_not_written(server: Server, tmp_path: Path, heard: Heard) -> None:
    resource = server.put("/f", DATA + bytes(500_000))
    resource.says_length = False
    with pytest.raises(SourceError, match="sends more than"):
        fetch(server, tmp_path, heard)


def test_a_server_out_of_reach_is_given_up_soon(tmp_path: Path, heard: Heard) -> None:
    dead = Server()
    dead.close()
    with pytest.raises(SourceError, match="could not be reached") as caught:
        fetch(dead, tmp_path, heard)
    assert caught.value.by_pip
