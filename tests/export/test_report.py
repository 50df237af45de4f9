"""A report is its rows: the table is pinned letter by letter, the plots are the same bytes every time."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from export import report
from export.errors import SourceError, ToolchainError
from export.report import Column, Plot

COLUMNS = (
    Column("variant", "variant"),
    Column("bytes", "size", "MB", 1),
    Column("query_ms", "query", "ms", 2),
    Column("mean_cosine", "mean cosine", decimals=4),
    Column("questions", "questions"),
    Column("passed", "gates"),
)
ROWS = (
    {"variant": "float32", "bytes": 90.36, "query_ms": 2.154, "mean_cosine": 1.0, "questions": 1684, "passed": True},
    {"variant": "int8|a", "bytes": 22.95, "query_ms": 0.846, "mean_cosine": 0.99271, "passed": False, "unseen": 7},
    {"variant": "int4", "bytes": 12.0, "query_ms": None, "mean_cosine": float("nan"), "questions": 0},
)
PLOTS = (Plot("query_ms", "mean_cosine", "Quality against latency"), Plot("bytes", "mean_cosine", "and against size"))
MACHINE = {
    "cpu": "A Processor", "architecture": "aarch64", "cores": 4, "memory_mb": 4096, "system": "Linux 6.1",
    "python": "3.11.2", "versions": {"onnxruntime": "1.31.1", "numpy": "2.4.6"},
}  # fmt: skip
GOLDEN = """\
# Three variants

A Processor (aarch64), 4 cores, 4096 MB; Linux 6.1, Python 3.11.2; onnxruntime 1.31.1, numpy 2.4.6.

| variant | size, MB | query, ms | mean cosine | questions | gates |
| --- | ---: | ---: | ---: | ---: | --- |
| float32 | 90.4 | 2.15 | 1.0000 | 1,684 | yes |
| int8\\|a | 22.9 | 0.85 | 0.9927 | – | no |
| int4 | 12.0 | – | – | 0 | – |

- Times are medians.

![Quality against latency](plot-mean-cosine-query-ms.svg)

![and against size](plot-mean-cosine-bytes.svg)
"""


def write(folder: Path, plots: tuple[Plot, ...] = ()) -> Path:
    report.write_report(folder, "Three variants", ROWS, COLUMNS, ["Times are medians."], plots, machine=MACHINE)
    return folder


def test_fixed_rows_give_the_pinned_table(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert (write(tmp_path, PLOTS) / "report.md").read_text(encoding="utf-8") == GOLDEN


def test_what_is_read_back_renders_the_same_table(tmp_path: Path) -> None:
    write(tmp_path)
    for path in (tmp_path, tmp_path / "report.json"):
        read = report.read_report(path)
        assert report.render(read) == (tmp_path / "report.md").read_text(encoding="utf-8")
        assert read.columns == COLUMNS
        assert read.rows[1]["unseen"] == 7


def test_the_json_has_no_value_that_json_does_not_know(tmp_path: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    stored = json.loads((write(tmp_path) / "report.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert list(stored) == ["schema", "title", "environment", "columns", "rows", "notes", "plots"]
    assert (stored["schema"], stored["environment"]) == (1, MACHINE)
    assert stored["rows"][2]["mean_cosine"] is None


def test_plots_are_the_same_bytes_and_leave_out_rows_without_a_value(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = write(tmp_path / "first", PLOTS), write(tmp_path / "second", PLOTS)
    for name in ("plot-mean-cosine-query-ms.svg", "plot-mean-cosine-bytes.svg"):
        picture = (first / name).read_text(encoding="utf-8")
        assert picture == (second / name).read_text(encoding="utf-8")
        assert "dc:date" not in picture
        words = {text.strip() for text in ET.fromstring(picture).itertext()}
        assert {"float32", "int8|a", "mean cosine"} <= words
        assert "int4" not in words


def test_without_matplotlib_one_sentence_names_the_extra_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ToolchainError, match=r"fieldmate\[export\]"):
        report.check_plotting()
    with pytest.raises(ToolchainError):
        write(tmp_path / "out", PLOTS)
    assert not (tmp_path / "out").exists()
    assert (write(tmp_path / "out") / "report.md").is_file()  # control: a report without plots needs no matplotlib


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema": 2}', '{"schema": 1, "title": "x"}'])
def test_what_is_no_report_is_refused_in_a_sentence(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=r"report"):
        report.read_report(tmp_path)


def test_the_machine_card_names_no_user_and_no_path() -> None:
    card = json.dumps(report.environment())
    assert str(Path.home()) not in card
    assert '"cores"' in card
