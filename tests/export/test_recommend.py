"""Choosing by a budget: the arithmetic by hand, and every way in which there is nothing to choose."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from export import recommend
from export.cli_generator import recommend as command
from export.cli_generator import report as report_command
from export.errors import SourceError
from export.recommend import Budget
from export.report import Column, Report, write_report

MACHINE = {"cpu": "Cortex-A76"}


def row(name: str, perplexity: float, prefill: float, memory: float, megabytes: float, **more: Any) -> dict[str, Any]:
    return {
        "role": "generator", "variant": name, "type": name, "format": "gguf", "bytes": int(megabytes * 1e6),
        "megabytes": megabytes, "perplexity": perplexity, "perplexity_increase": 1.0, "agreement": 0.9,
        "prefill_rate": prefill, "decode_rate": 20.0, "peak_memory": memory, "threads": 4, "text_sha256": "t",
        "window": 512, "tokens": 8192, **more,
    }  # fmt: skip


BIG = row("f16", 20.0, 500.0, 1000.0, 270.0)
MIDDLE = row("q8_0", 20.1, 1000.0, 800.0, 145.0)
SMALL = row("q4_0", 24.0, 1100.0, 600.0, 90.0)
REFERENCE = {"role": "reference", "variant": "float32", "perplexity": 19.0}


def report(*rows: dict[str, Any], machine: dict[str, Any] = MACHINE) -> Report:
    return Report("t", machine, (Column("variant", "variant"),), rows)


def chosen(budget: Budget, *rows: dict[str, Any]) -> str:
    return str(recommend.recommend([report(REFERENCE, *rows)], budget).row["variant"])


def test_the_best_perplexity_that_fits_is_chosen() -> None:
    everything = (SMALL, BIG, MIDDLE)
    assert chosen(Budget.parse("2s", "2GB", None), *everything) == "f16"
    assert chosen(Budget.parse("700ms", "900MB", None), *everything) == "q8_0"
    assert chosen(Budget.parse(None, "700MB", None), *everything) == "q4_0"
    assert chosen(Budget.parse(None, None, "100MB"), *everything) == "q4_0"


def test_the_first_token_is_prompt_over_prefill_rate_and_a_limit_may_be_met_exactly() -> None:
    assert recommend.first_token(BIG, 512) == 1.024
    assert chosen(Budget.parse("1.024s", None, None), BIG) == "f16"
    with pytest.raises(SourceError):
        chosen(Budget.parse("1.023s", None, None), BIG)
    assert chosen(Budget.parse("1.023s", None, None, prompt_tokens=256), BIG) == "f16"


def test_among_equals_the_smaller_file_is_chosen() -> None:
    twin = row("twin", 20.1, 1000.0, 800.0, 140.0)
    assert chosen(Budget.parse("2s", None, None), MIDDLE, twin) == "twin"


def test_the_sentence_says_what_is_estimated_and_where_it_was_measured() -> None:
    sentence = recommend.recommend([report(BIG, MIDDLE, SMALL)], Budget.parse("700ms", "900MB", None)).sentence()
    assert sentence.startswith("q8_0: perplexity 20.10 (+1.00 % over float), 145 MB file, 800 MB of memory")
    assert "about 512 ms (an estimate: 512 prompt tokens at the measured 1000 tokens/s" in sentence
    assert "Measured on Cortex-A76, 4 threads" in sentence
    assert "1 other" in sentence


def test_nothing_fits_names_the_nearest_and_by_how_much() -> None:
    with pytest.raises(SourceError) as caught:
        chosen(Budget.parse("400ms", "900MB", None), BIG, MIDDLE, SMALL)
    words = str(caught.value)
    assert "the nearest is q4_0" in words
    assert "about 465 ms" in words
    assert "1.16 times the limit" in words


@pytest.mark.parametrize(
    "changed", [{"refused": "perplexity"}, {"prefill_rate": None}, {"peak_memory": None}, {"role": "embedder"}]
)
def test_rows_that_were_refused_or_not_measured_are_no_candidates(changed: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="no generator"):
        chosen(Budget.parse("9s", None, None), {**BIG, **changed})


@pytest.mark.parametrize("changed", [{"text_sha256": "other"}, {"window": 256}, {"tokens": 1024}])
def test_perplexities_of_different_texts_are_not_compared(changed: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="cannot be compared"):
        chosen(Budget.parse("9s", None, None), BIG, {**MIDDLE, **changed})


def test_reports_of_different_machines_are_not_compared() -> None:
    with pytest.raises(SourceError, match="different machines"):
        recommend.recommend([report(BIG), report(MIDDLE, machine={"cpu": "other"})], Budget.parse("9s", None, None))


@pytest.mark.parametrize("text", ["700", "ms", "-1s", "0ms", "7 days", "900MB"])
def test_a_limit_without_a_sound_unit_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="write it like"):
        Budget.parse(text, None, None)


def test_no_budget_is_refused() -> None:
    with pytest.raises(SourceError, match="--max-first-token"):
        Budget.parse(None, None, None)


def test_the_command_reads_a_stored_report_and_prints_json(tmp_path: Path) -> None:
    write_report(tmp_path, "t", [BIG, MIDDLE], [Column("variant", "variant")], machine=MACHINE)
    arguments = ["--max-first-token", "700ms", "--max-memory", "900MB", "--report", str(tmp_path / "report.json")]
    done = CliRunner().invoke(command, [*arguments, "--json"])
    assert done.exit_code == 0
    printed = json.loads(done.stdout)
    assert (printed["variant"], printed["first_token_ms_estimate"], printed["machine"]) == (
        "q8_0", 512.0, "Cortex-A76, 4 threads"
    )  # fmt: skip
    refused = CliRunner().invoke(command, ["--max-memory", "1MB", "--report", str(tmp_path)])
    assert refused.exit_code == 3
    assert refused.stderr.strip().endswith(".")
    assert refused.stdout == ""


def test_a_report_is_rendered_again_from_its_rows_alone(tmp_path: Path) -> None:
    write_report(tmp_path, "t", [BIG, MIDDLE], [Column("variant", "variant")], ["a note"], machine=MACHINE)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "report.md").unlink()
    assert CliRunner().invoke(report_command, [str(tmp_path)]).exit_code == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_reports_of_one_machine_become_one_table(tmp_path: Path) -> None:
    for name, one in (("a", BIG), ("b", MIDDLE)):
        write_report(tmp_path / name, name, [one], [Column("variant", "variant")], [name], machine=MACHINE)
    done = CliRunner().invoke(report_command, [str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "c")])
    assert done.exit_code == 0
    text = (tmp_path / "c" / "report.md").read_text("utf-8")
    assert text.startswith("# a; b")
    assert "| f16 |" in text
    assert "| q8_0 |" in text
