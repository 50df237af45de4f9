"""Claims about rows and about the reports rendered from them alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.errors import BenchmarkError
from benchmarks.html import drawing, page
from benchmarks.rows import Row, RowWriter, Target, read

GOLDEN = Path(__file__).parent / "golden"
CARD = {
    "cpu": "Example CPU", "cores": 4, "memory_mb": 8000, "governor": "performance", "kernel": "Linux 6.1",
    "python": "CPython 3.11.9", "versions": {"llama-cpp-python": "0.3.36", "missing": None},
    "commit": "0123456789abcdef", "source_sha256": "fedcba9876543210", "seed": 1,
}  # fmt: skip


def row(**fields) -> Row:
    return Row(**{"run": "20261121T120000Z", "time": "2026-11-21T12:00:00+00:00", "environment": CARD, **fields})


ROWS = [
    row(
        scenario="first_token", variant="small", metric="first token", unit="ratio", statistic="ratio of medians",
        value=1.0512, interval=(0.98765, 1.1234), samples=[1.0, 1.1], summary={"n": 2, "p50": 1.05},
        subset="fieldmate / plain", target=Target("at most", 1.15),
    ),
    row(
        scenario="first_token", variant="small", metric="first token", unit="ms", statistic="median", value=1234.5,
        interval=(1200.0, 1300.0), samples=[1234.5] * 12, summary={"n": 12, "p50": 1234.5, "p90": 1500.25},
        subset="fieldmate",
    ),
    row(
        scenario="retrieval/set", variant="default", metric="hit@1", unit="score", statistic="mean", value=0.5,
        interval=(0.25, 0.75), samples=[0.0, 1.0], summary={"n": 2, "mean": 0.5}, subset="all",
        target=Target("at least", 0.68),
    ),
    row(
        scenario="retrieval/set", variant="default", metric="hit@5", unit="score", statistic="mean", value=1.0,
        interval=(1.0, 1.0), samples=[1.0, 1.0], summary={"n": 2, "mean": 1.0}, subset="all",
    ),
    row(scenario="ask_memory", variant="huge|model", status="failed", reason="It was ended by signal 9."),
]  # fmt: skip


def blocks() -> list[Row]:
    """Two blocks, three states, two sizes; samples do not vary, so that intervals drawn from them are exact."""
    rows = []
    for number in range(2):
        shared = {"variant": "small <b>", "block": number, "job": f"{number}/single_stream/small", "of": 3}
        for state, value in (("cold", 900.0), ("warm", 250.0)):
            rows.append(row(
                scenario="single_stream", metric="first token", unit="ms", statistic="median", value=value, state=state,
                samples=[value] * 6, keys=[f"pump-{key}" for key in range(6)], **shared,
            ))  # fmt: skip
        rows.append(row(scenario="single_stream", metric="refused", unit="share", statistic="mean", value=0.0,
                        samples=[0.0] * 6, **shared))  # fmt: skip
        grown = {"variant": "", "block": number, "job": f"{number}/growth", "of": 2}
        rows += [
            row(scenario="growth/ingest", metric="adding", unit="passages/s", statistic="median", value=50.0,
                samples=[50.0], detail={"passages": size}, **grown)
            for size in (1000, 10000)
        ]  # fmt: skip
        rows.append(row(scenario="voice_turn", variant="", status="skipped", reason="It waits for the voice loop.",
                        block=number, job=f"{number}/voice_turn"))  # fmt: skip
    rows.append(row(scenario="half", variant="cut", metric="lost", value=1.0, job="1/half/cut", of=2))
    return rows


@pytest.mark.parametrize(("name", "markdown"), [("blocks.txt", False), ("blocks.md", True)])
def test_the_report_of_fixed_blocks_is_the_one_that_was_read_and_approved(name, markdown):
    assert report.render(blocks(), markdown=markdown) + "\n" == (GOLDEN / name).read_text("utf-8")


def test_the_page_of_fixed_rows_is_the_one_that_was_read_and_approved(monkeypatch):
    monkeypatch.setattr(drawing, "_matplotlib", lambda: None)  # its bytes differ from version to version
    assert page.render([*ROWS, *blocks()]) == (GOLDEN / "page.html").read_text("utf-8")


@pytest.mark.parametrize(("name", "markdown"), [("report.txt", False), ("report.md", True)])
def test_the_report_of_fixed_rows_is_the_one_that_was_read_and_approved(name, markdown):
    assert report.render(ROWS, markdown=markdown) + "\n" == (GOLDEN / name).read_text("utf-8")


def test_the_report_needs_nothing_but_the_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    writer = RowWriter(path)
    for item in ROWS:
        writer.write([item])
    writer.close()
    assert report.render(read(path)) == report.render(ROWS)


def test_rows_survive_the_file(tmp_path):
    path = tmp_path / "below" / "rows.jsonl"
    for item in ROWS:  # one writer each: the file is appended to
        writer = RowWriter(path)
        writer.write([item])
        writer.close()
    assert [item.summary for item in read(path)] == [item.summary for item in ROWS]
    assert read(path)[0].interval == (0.98765, 1.1234)
    assert read(path)[0].target == Target("at most", 1.15)


def test_a_line_that_was_cut_by_a_kill_is_left_out(tmp_path):
    path = tmp_path / "rows.jsonl"
    writer = RowWriter(path)
    writer.write([ROWS[0]])
    writer.close()
    with path.open("ab") as file:
        file.write(b'{"schema":1,"run":"2026')
    assert len(read(path)) == 1


@pytest.mark.parametrize(
    "line", [b"no json\n", b'{"schema":2}\n', b'{"run":"a","time":"b","scenario":"c","variant":"d","x":1}\n']
)
def test_a_line_that_is_no_row_is_named(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(line)
    with pytest.raises(BenchmarkError, match="Line 1 of"):
        read(path)


def test_rows_of_another_schema_are_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"schema":1,"run":"a","time":"b","scenario":"c","variant":"d"}\n')
    with pytest.raises(BenchmarkError, match="schema 1"):
        read(path)


@pytest.mark.parametrize(("sense", "value", "met"), [("at most", 1.15, True), ("at most", 1.16, False),
                                                     ("at least", 3.0, True), ("at least", 2.9, False)])  # fmt: skip
def test_a_target_is_met_at_its_limit(sense, value, met):
    limit = 1.15 if sense == "at most" else 3.0
    assert row(scenario="s", variant="v", value=value, target=Target(sense, limit)).met is met


def test_no_rows_are_said_to_be_none():
    assert report.render([]) == "There are no rows."
