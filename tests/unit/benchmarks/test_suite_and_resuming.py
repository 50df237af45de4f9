"""Claims about suites read from TOML and about going on with a run that was cut."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks import resuming, suite
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Row, RowWriter, complete, read
from benchmarks.runner import Job

SUITE = """
[run]
scenarios = ["first_token"]
blocks = 2

[[variant]]
generator = "small"
settings = { "generator.decode_threads" = 1 }

[[variant]]
artifact = "exports/mine"

[scenario.server]
rate = 2
"""
CARD = {"suite_sha256": "s", "source_sha256": "c", "cpu": "x", "models": {"m": "0"}}


def written(tmp_path, text):
    path = tmp_path / "suite.toml"
    path.write_text(text, "utf-8")
    return path


def row(job, run="r1", of=1, **card):
    return Row(run=run, time="t", job=job, of=of, scenario="s", variant="v", environment=CARD | card)


def store(path, *groups):
    writer = RowWriter(path)
    for rows in groups:
        writer.write(rows)
    writer.close()


JOBS = [Job("s", Variant("v"), block) for block in range(3)]
NAMES = [job.name for job in JOBS]


def test_a_suite_names_its_variants_and_finds_artifacts_beside_its_file(tmp_path):
    found = suite.read(written(tmp_path, SUITE))
    assert [suite.name_of(each) for each in found.variant] == ["small", "mine"]
    assert found.variant[1].artifact == str(tmp_path / "exports" / "mine")
    assert (found.run.blocks, found.scenario) == (2, {"server": {"rate": 2}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[run]\nblock = 2", "unknown field `block`"),
        ("[[variant]]\ngenerator = 'a'\nartifact = 'b'", "not both"),
        ("[[variant]]\ngenerator = 'a'\n[[variant]]\ngenerator = 'a'", "two variants called a"),
        ("[[variant]]\nslow_down = -1.0", "between 0 and 10"),
        ("[run\n", "no TOML"),
        ("[run]\nquestions = 'many'", "Expected `int | null`"),
    ],
)
def test_what_no_suite_can_say_is_one_sentence(tmp_path, text, words):
    with pytest.raises(BenchmarkError, match=words.replace("|", r"\|")):
        suite.read(written(tmp_path, text))


def test_a_suite_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(BenchmarkError, match="cannot be read"):
        suite.read(tmp_path / "none.toml")


def test_the_hash_of_a_suite_changes_with_anything_that_it_says(tmp_path):
    first = suite.read(written(tmp_path, SUITE))
    assert suite.read(written(tmp_path, "# a comment\n" + SUITE)).sha256 == first.sha256
    assert suite.read(written(tmp_path, SUITE.replace("rate = 2", "rate = 3"))).sha256 != first.sha256


def test_a_scenario_gets_its_option_or_the_default_and_never_another_type():
    plan = Plan([], "", "", [], "", options={"server": {"rate": 2, "limit_ms": "soon"}})
    assert plan.option("server", "rate", 0.5) == 2.0
    assert plan.option("server", "queue", 8) == 8
    with pytest.raises(BenchmarkError, match=r"limit_ms of .scenario.server. is 'soon'"):
        plan.option("server", "limit_ms", 100.0)


def test_a_run_goes_on_where_its_rows_end(tmp_path):
    out = tmp_path / "rows.jsonl"
    store(out, [row(NAMES[0], of=2), row(NAMES[0], of=2)], [row(NAMES[2])])
    run, left = resuming.remaining(out, CARD, JOBS, "new")
    assert (run, [job.name for job in left]) == ("r1", [NAMES[1]])


def test_a_job_whose_rows_were_cut_is_run_again_and_leaves_no_double(tmp_path):
    out = tmp_path / "rows.jsonl"
    store(out, [row(NAMES[0])], [row(NAMES[1], of=3), row(NAMES[1], of=3)])
    with out.open("ab") as file:
        file.write(msgspec.json.encode(row(NAMES[1], of=3))[:-20])
    _, left = resuming.remaining(out, CARD, JOBS, "new")
    assert [job.name for job in left] == NAMES[1:]
    assert [each.job for each in read(out)] == [NAMES[0]]


def test_only_the_last_run_of_the_file_goes_on(tmp_path):
    out = tmp_path / "rows.jsonl"
    store(out, [row(name, run="r0") for name in NAMES], [row(NAMES[0])])
    run, left = resuming.remaining(out, CARD, JOBS, "new")
    assert (run, len(left)) == ("r1", 2)


@pytest.mark.parametrize(
    ("field", "words"),
    [("cpu", "another machine"), ("source_sha256", "version"), ("suite_sha256", "suite"), ("models", "model files")],
)
def test_rows_that_would_not_fit_together_are_refused(tmp_path, field, words):
    out = tmp_path / "rows.jsonl"
    store(out, [row(NAMES[0], **{field: "other"})])
    with pytest.raises(BenchmarkError, match=words):
        resuming.remaining(out, CARD, JOBS, "new")


@pytest.mark.parametrize("content", [None, b"", b'{"schema":2,"ru'])
def test_a_file_without_rows_begins_a_new_run(tmp_path, content):
    out = tmp_path / "rows.jsonl"
    if content is not None:
        out.write_bytes(content)
    assert resuming.remaining(out, CARD, JOBS, "new") == ("new", JOBS)


def test_rows_are_complete_job_by_job():
    assert complete([row("a", of=2), row("b"), row("a", of=2, run="r2")]) == [row("b")]
