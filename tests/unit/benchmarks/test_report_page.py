"""Claims about the page: what is in it, and that nothing from rows becomes anything but words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from benchmarks import measuring
from benchmarks.cli.main import main
from benchmarks.html import drawing, page
from benchmarks.html.charts import charts
from benchmarks.merging import joined
from tests.unit.benchmarks.made_rows import HOSTILE, costs, full_rows, job, row, scores, times, write

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def text():
    return page.render(full_rows())


def kinds(rows):
    return [chart.kind for chart in charts(joined(rows))]


def chart(rows, kind):
    return next(each for each in charts(joined(rows)) if each.kind == kind)


def test_it_holds_every_kind_of_plot_and_every_section(text):
    assert set(kinds(full_rows())) == {"pareto", "distribution", "growth", "stages"}
    tree = HTMLParser(text)
    assert len(tree.css("figure svg")) == len(kinds(full_rows()))
    titles = [each.text() for each in tree.css("h3")]
    assert titles == ["Plots", "single_stream", "stages", "answers/samples", "ask_memory", "ceiling", "growth/search",
                      "Failed", "Skipped"]  # fmt: skip


def test_it_asks_for_nothing_and_runs_nothing(text):
    tree = HTMLParser(text)
    assert tree.css("script, img, iframe, object, embed, form") == []
    links = re.findall(r'href="([^"]*)"', text)
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert not re.search(r"url\((?!#)|@import|\ssrc=|\son\w+=", text)
    assert "default-src 'none'" in text


def test_words_from_rows_are_words(text):
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    cells = [each.text() for each in HTMLParser(text).css("th[scope=row]")]
    assert HOSTILE in cells


def test_every_plot_is_well_formed_has_a_name_and_says_its_figures(text):
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        tree = ET.fromstring(svg)
        assert tree.get("role") == "img"
        title, words = tree[0].text, tree[1].text
        assert title
        assert re.search(r"\d", words)
        assert tree.get("aria-labelledby").split() == [tree[0].get("id"), tree[1].get("id")]


def test_ids_are_unique_and_every_reference_has_its_id(text):
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= set(ids)


def test_colours_come_from_the_style_sheet_alone(text):
    plots = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert set(re.findall(r"(?:fill|stroke): ?([^;\"]+)", plots)) <= {
        "none", "var(--ink)", "var(--grid)", "var(--paper)", *(f"var(--s{number})" for number in range(8)),
    }  # fmt: skip


def test_the_same_rows_give_the_same_bytes():
    rows = times("v", blocks=1)
    assert page.render(rows) == page.render(rows)


def test_the_front_is_what_nothing_beats_in_both():
    rows = []
    for name, wait, quality in (("quick", 0.2, 0.2), ("best", 1.0, 0.8), ("beaten", 1.2, 0.5), ("middle", 0.5, 0.5)):
        rows += [*times(name, wait, blocks=1), *scores(name, [quality] * 8), *costs(name, 1, 1)]
    found = chart(rows, "pareto")
    assert [found.series[index].label for index in found.front] == ["quick", "middle", "best"]
    assert "beaten" not in found.words


def test_one_variant_has_no_front_and_few_samples_no_distribution():
    assert kinds([*times("one", blocks=1, questions=7), *scores("one", [0.5] * 8)]) == []


def test_a_distribution_reaches_from_its_smallest_to_one():
    found = chart(times("one", blocks=1), "distribution")
    assert found.series[0].x == tuple(sorted(found.series[0].x))
    assert found.series[0].y[-1] == 1.0


def test_a_growth_curve_needs_two_sizes_and_takes_the_size_out_of_the_name():
    found = chart(full_rows(), "growth")
    assert [series.label for series in found.series] == ["exact, warm", "hnsw, warm"]
    assert found.series[0].x == (1003.0, 10020.0, 100040.0)
    single = measuring.median("m", "q/s", [1.0], 1, detail={"passages": 1000})
    assert kinds(job("s", "v", [single])) == []


def test_stages_are_stacked_means():
    found = chart(full_rows(), "stages")
    assert [series.label for series in found.series] == ["embed", "search", "prefill", "decode", "gate"]
    assert found.bars[0].endswith("cold")
    assert found.series[2].y[1] == pytest.approx(400 + 3.5)  # the mean of 400 + 0 to 7, warm


def test_hundreds_of_figures_do_not_become_hundreds_of_plots():
    rows = [each for number in range(40) for each in times("v", metric=f"m{number}", blocks=1)]
    assert len(kinds(rows)) == 16


def test_without_matplotlib_the_page_has_its_tables_and_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "_matplotlib", lambda: None)
    out = tmp_path / "page.html"
    said = page.write(full_rows(), out)
    assert "pip install 'fieldmate[bench]'" in said
    tree = HTMLParser(out.read_text("utf-8"))
    assert said in tree.css_first("[role=note]").text()
    assert tree.css("svg") == []
    assert len(tree.css("table")) >= 6


def test_no_rows_are_a_page_that_says_so():
    assert "There are no rows." in page.render([])


def test_values_that_break_plots_break_nothing():
    rows = [
        *job("s", "_hidden $\\frac{", [measuring.median("m", "ms", [0.0] * 10, 1)]),
        *job("s", "x" * 300, [measuring.median("m", "ms", [1e300, 1e-300] * 10, 1)]),
        *job("s", "lone \ud800", [measuring.median("m", "ms", [-5.0] * 10, 1)]),
        row(scenario="t", variant="v", job="j", metric="stage embed", unit="ms", value=1.0, statistic="median",
            summary={"mean": 1.0}, samples=[1.0]),
    ]  # fmt: skip
    text = page.render(rows)
    assert text.count("<svg") == 2
    assert "x" * 300 in text


def test_the_command_writes_the_page_in_one_piece(tmp_path):
    path, out = write(tmp_path / "rows.jsonl", times("v", blocks=1)), tmp_path / "page.html"
    result = CliRunner().invoke(main, ["report", str(path), "--html", str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_text("utf-8").endswith("</html>\n")
    assert [each.name for each in tmp_path.iterdir() if "partial" in each.name] == []


def test_a_place_that_cannot_be_written_to_ends_with_three(tmp_path):
    path = write(tmp_path / "rows.jsonl", times("v", blocks=1))
    result = CliRunner().invoke(main, ["report", str(path), "--html", str(tmp_path / "none" / "page.html")])
    assert result.exit_code == 3
    assert "cannot be written" in result.output
