"""The path of somebody who has just installed Fieldmate: add manuals, look, ask, talk, take a manual away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.machine import MANUALS, SMALL, Ended, Machine

ANSWER = {
    "question", "answer", "status", "mode", "confidence", "citations", "hits", "timings_ms", "usage", "model",
    "embedder",
}  # fmt: skip
CITATION = {"document", "title", "section", "page", "quote", "start", "end", "score", "dated"}
HIT = {"document", "section", "page", "score", "dense_rank", "lexical_rank", "also_in"}
TIMINGS = {"retrieve", "first_token", "total", "load", "stages"}
USAGE = {"prompt_tokens", "reused_tokens", "completion_tokens"}
NOT_IN_THERE = "How do I swim to the moon?"
CARD_READER = "What does E07 mean on the card reader of the coffee kiosk?"


def check_published(answer: dict[str, Any]) -> None:
    """DESIGN.md, "Command surface": these fields and no others."""
    assert set(answer) == ANSWER
    assert answer["status"] in {"answered", "abstained"}
    assert answer["mode"] in {"generated", "quoted", "tool", "curated"}
    assert 0 <= answer["confidence"] <= 1
    assert set(answer["timings_ms"]) == TIMINGS
    assert set(answer["usage"]) == USAGE
    assert all(set(citation) == CITATION for citation in answer["citations"])
    assert all(set(hit) >= HIT for hit in answer["hits"])


def check_quotes(machine: Machine, answer: dict[str, Any]) -> None:
    for citation in answer["citations"]:
        shown = machine.done("docs", "show", citation["document"], "--json").json
        assert citation["quote"] == shown["text"][citation["start"] : citation["end"]]
        assert citation["quote"].strip()
        assert citation["title"] == shown["title"]


def test_adding_says_what_was_stored_and_a_second_time_changes_nothing(
    manuals: tuple[Machine, Ended], filled: Machine
) -> None:
    _, added = manuals
    assert added.out.startswith("9 added, 0 replaced, 0 unchanged, 0 refused; ")
    assert added.out.count("\n") == 1
    before = filled.documents()
    assert len(before) == 9
    assert "heat-pump/manual.pdf" in before
    again = filled.done("add", MANUALS)
    assert again.out == "0 added, 0 replaced, 9 unchanged, 0 refused; 0 passages stored.\n"
    assert again.err == ""
    assert filled.documents() == before


def test_the_list_and_a_search_for_a_code(filled: Machine) -> None:
    listed = filled.done("docs", "list")
    assert len(listed.out.splitlines()) == 9
    assert "heat-pump/manual.pdf: Thermalis HC-9" in listed.out
    assert ", 31 pages" in listed.out
    assert listed.err == ""

    found = filled.done("search", "E07", "--json").json
    assert found["query"] == "E07"
    assert len(found["hits"]) == 5
    assert all("E07" in hit["text"] for hit in found["hits"][:3])
    assert {hit["document"].split("/")[0] for hit in found["hits"]} >= {"coffee-kiosk", "heat-pump"}
    assert found["hits"][0]["lexical_rank"] is not None
    assert "E07" in filled.done("search", "E07", "-k", "1").out


@pytest.mark.usefixtures("generator")
def test_an_answer_for_people(filled: Machine) -> None:
    over = filled.done("ask", CARD_READER)
    assert over.err == ""
    assert "[1] coffee-kiosk/faults.html, “" in over.out
    assert "(confidence 0." in over.out.splitlines()[-1]
    assert "first word" in over.out.splitlines()[-1]


@pytest.mark.usefixtures("generator")
def test_an_answer_for_programs(filled: Machine) -> None:
    over = filled.done("ask", "--json", "--generator", SMALL, CARD_READER)
    assert over.err == ""
    answer = over.json
    check_published(answer)
    assert (answer["question"], answer["status"], answer["model"]) == (CARD_READER, "answered", SMALL)
    assert answer["embedder"].startswith("all-minilm-l6-v2-int8")
    assert answer["citations"], "an answer without a source is none"
    assert {citation["document"] for citation in answer["citations"]} <= {hit["document"] for hit in answer["hits"]}
    assert answer["hits"][0]["document"] == "coffee-kiosk/faults.html"
    check_quotes(filled, answer)
    timings, usage = answer["timings_ms"], answer["usage"]
    assert 0 < timings["retrieve"] < timings["first_token"] <= timings["total"]
    assert 0 < timings["load"] < timings["total"]
    assert 0 < usage["completion_tokens"] <= 24
    assert 0 < usage["prompt_tokens"] <= 320


@pytest.mark.usefixtures("generator")
def test_a_page_is_cited_where_the_format_has_pages(filled: Machine) -> None:
    answer = filled.done("ask", "--json", "What does E07 mean on the display of the Thermalis HC-9?").json
    check_quotes(filled, answer)
    cited = [citation for citation in answer["citations"] if citation["document"] == "heat-pump/manual.pdf"]
    assert cited
    assert all(1 <= citation["page"] <= 31 for citation in cited)


def test_what_the_manuals_do_not_say_is_not_answered(filled: Machine) -> None:
    over = filled.done("ask", "--json", NOT_IN_THERE)
    assert over.err == ""
    check_published(over.json)
    assert over.json["status"] == "abstained"
    assert over.json["citations"] == []
    assert over.json["usage"]["completion_tokens"] == 0, "not a token is spent on it"
    assert over.json["answer"].startswith("The documents do not answer this. Closest: ")
    assert "abstained" in filled.done("ask", NOT_IN_THERE).out


@pytest.mark.usefixtures("generator")
def test_many_questions_from_a_file_are_answered_in_one_process(filled: Machine) -> None:
    questions = [CARD_READER, NOT_IN_THERE, "How thick is the ice on the lake in winter 1843?", CARD_READER]
    file = filled.root / "questions.txt"
    file.write_text("\ufeff" + "\r\n\r\n".join(questions) + "\n", "utf-8")
    answers = filled.done("ask", "--json", "--file", file).lines
    assert [answer["question"] for answer in answers] == questions
    for answer in answers:
        check_published(answer)
    assert answers[0]["timings_ms"]["load"] > 1
    assert answers[3]["timings_ms"]["load"] < 1, "the same process: nothing is loaded twice"
    assert answers[3]["usage"]["reused_tokens"] > 0
    assert (answers[3]["answer"], answers[3]["citations"]) == (answers[0]["answer"], answers[0]["citations"])


def test_questions_from_standard_input(filled: Machine) -> None:
    over = filled.done("ask", "--json", "--file", "-", said=f"{NOT_IN_THERE}\n\n  ???  \n")
    assert [answer["question"] for answer in over.lines] == [NOT_IN_THERE, "???"]
    assert over.err == ""
    assert filled.done("ask", "--json", "--file", "-", said="\n").out == ""


@pytest.mark.usefixtures("generator")
def test_a_conversation_remembers_until_it_is_told_to_forget(filled: Machine) -> None:
    said = [
        "/sources", "How do I descale the coffee kiosk?", "And how much of it do I need?", "/sources", "/new",
        "And how much of it do I need?", "/what", "/quit", "What does E07 mean?"
    ]  # fmt: skip
    over = filled.done("chat", "--json", said="\n".join(said))
    first, second, sources, third = over.lines
    for answer in (first, second, third):
        check_published(answer)
    assert first["citations"][0]["section"] == "Descale the kiosk"
    assert "Descale the kiosk" in [hit["section"] for hit in second["hits"][:3]], "“it” is what was asked about before"
    assert sources == second["hits"]
    assert third["hits"] != second["hits"], "after /new there is nothing that “it” could be"
    unasked, help_ = over.err.splitlines()
    assert unasked == "No question has been asked yet."
    assert "/quit ends" in help_


@pytest.mark.usefixtures("generator")
def test_a_conversation_for_people_ends_with_its_input(filled: Machine) -> None:
    over = filled.done("chat", said=f"{CARD_READER}\n/sources\n")
    assert over.err == ""
    answer, _, sources = over.out.partition("(confidence ")
    assert "[1] coffee-kiosk/" in answer
    assert "1. coffee-kiosk/faults.html" in sources


@pytest.mark.usefixtures("generator")
def test_a_removed_manual_is_gone_from_answers_at_once(filled: Machine) -> None:
    names = [name for name in filled.documents() if name.startswith("coffee-kiosk/")]
    removed = filled.done("docs", "remove", "--json", *names).json
    assert removed == {"removed": names}
    assert len(filled.documents()) == 2
    for query in (CARD_READER, "K-107"):
        hits = filled.done("search", query, "-k", "1000", "--json").json["hits"]
        assert not [hit for hit in hits if hit["document"].startswith("coffee-kiosk/")]
    answer = filled.done("ask", "--json", CARD_READER)
    assert "coffee-kiosk" not in answer.out
    again = filled.run("docs", "remove", names[0])
    assert again.code == 2
    assert again.sentence == f"There is no document {names[0]}; `fieldmate docs list` shows their names."
    assert (MANUALS / names[0]).exists(), "the source file is not ours to delete"


def test_removal_from_another_process_reaches_a_running_conversation(filled: Machine) -> None:
    chat = filled.start("chat", "--json")
    assert chat.stdin is not None
    assert chat.stdout is not None
    chat.stdin.write("???\n")
    chat.stdin.flush()
    assert json.loads(chat.stdout.readline())["hits"] == []
    filled.done("docs", "remove", "pump-unit/manual.md")
    chat.stdin.write("How do I connect the pump to the moon by its fourth cable?\n")
    chat.stdin.flush()
    documents = {hit["document"] for hit in json.loads(chat.stdout.readline())["hits"]}
    assert documents
    assert "pump-unit/manual.md" not in documents
    assert chat.communicate()[1] == ""
    assert chat.returncode == 0
