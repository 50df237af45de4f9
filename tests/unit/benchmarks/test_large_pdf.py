"""Claims about the long PDF: it has the pages and the words that it should, every font and table comes through, and
making it takes no memory."""

from __future__ import annotations

import itertools
import sys

import pytest

from assistant.ingest import readers
from assistant.types import BlockKind
from benchmarks.plan import Plan, Variant
from benchmarks.scenarios import generated, large_pdf, typeset


def manuals():
    return (generated.manual(number, 7) for number in itertools.count())


def test_a_file_of_so_many_pages_is_read_back_with_its_structure(tmp_path):
    path = tmp_path / "a.pdf"
    typeset.write(path, manuals(), 12)
    document = readers.read(path, "a.pdf")
    kinds = {block.kind for block in document.blocks}
    assert {BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.STEP, BlockKind.TABLE_ROW} <= kinds
    assert {block.page for block in document.blocks} == set(range(1, 13))
    assert 400 < len(document.text.split()) / 12 < 600
    assert generated.section(0, 7).value in document.text


def test_the_same_text_makes_the_same_file(tmp_path):
    for name in ("a.pdf", "b.pdf"):
        typeset.write(tmp_path / name, manuals(), 3)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_a_text_that_is_too_short_is_a_programmers_error(tmp_path):
    with pytest.raises(ValueError, match="not 100"):
        typeset.write(tmp_path / "a.pdf", [generated.manual(0, 7)], 100)


def test_the_peak_is_that_of_the_process_that_adds(tmp_path):
    command = [sys.executable, "-c", "from assistant.cli.main import main; main()"]
    plan = Plan(command, str(tmp_path), str(tmp_path), [], "", seed=7, options={"large_pdf": {"pages": 3}})
    peak, rate = large_pdf.measure(plan, Variant("default"))
    assert peak.value >= peak.detail["one_page_mb"] * 0.8 > 0
    assert (peak.detail["pages"], peak.unit, rate.unit) == (3, "MB", "passages/s")
    assert rate.value > 0
    assert peak.target is None
