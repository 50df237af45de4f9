"""Two processes that add at the same time: both end well and everything is there."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.machine import Machine, ended, wait_for, write_folder


def both(machine: Machine, first: Path, second: Path) -> list[dict[str, int]]:
    started = [machine.start("add", "--json", first), machine.start("add", "--json", second)]
    over = [ended(process) for process in started]
    assert [one.code for one in over] == [0, 0], over
    return [one.json for one in over]


def test_the_same_folder(machine: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 10, sections=3)
    reports = both(machine, folder, folder)
    for report in reports:
        assert report["added"] + report["unchanged"] == 10
        assert (report["replaced"], report["refused"]) == (0, 0)
    assert sum(report["added"] for report in reports) == 10, "each file is added by one of them"
    check(machine, 10)


def test_different_folders(machine: Machine, tmp_path: Path) -> None:
    first = write_folder(tmp_path / "first", 8, sections=3)
    second = write_folder(tmp_path / "second", 8, sections=3)  # the same names and bytes, other sources
    (second / "note-99.md").write_text("# Only here\n\nThe answer of the second folder is 42 bar.\n")
    reports = both(machine, first, second)
    assert [(report["added"], report["refused"]) for report in reports] == [(8, 0), (9, 0)]
    check(machine, 17)
    assert "42 bar" in machine.done("search", "answer of the second folder", "-k", "1").out


def test_asking_while_another_process_adds(filled: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 16, sections=5)
    adding = filled.start("add", folder)
    wait_for(lambda: filled.stored() > 9)
    found = filled.done("search", "E07", "--json").json["hits"]
    assert "E07" in found[0]["text"]
    assert filled.done("ask", "--json", "How do I swim to the moon?").json["status"] == "abstained"
    assert ended(adding).code == 0
    check(filled, 25)
    assert "L-154" in filled.done("search", "L-154", "-k", "1").out, "what was added is found at once"


def check(machine: Machine, documents: int) -> None:
    assert len(machine.documents()) == documents
    examined = machine.run("doctor", "--json")
    states = {finding["subject"]: finding["state"] for finding in examined.json["findings"]}
    assert states["knowledge base"] == "ok"
    assert states["index"] == "ok"
    held = {record["name"]: record["passages"] for record in machine.done("docs", "list", "--json").json["documents"]}
    hits = machine.done("search", "fault board lamp", "-k", "1000", "--json").json["hits"]
    places = [place for hit in hits for place in (hit, *hit["also_in"])]
    assert {place["document"] for place in places} == set(held), "every document is found by its vectors"
