"""German and Spanish documents: found as people type, numbers held against them, warnings told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from assistant.answering.evidence import Gate
from assistant.answering.quoting import asks_for_explanation
from assistant.dialogue.procedures import asks_how, steps
from assistant.engines.fake import FakeEmbedder
from assistant.ingest.adding import Adder
from assistant.retrieval.search import Retriever
from assistant.retrieval.terms import terms
from assistant.store import Store, VectorIndex
from assistant.types import Passage
from tests.unit.answering.passages import passage

GERMAN = """# Umwälzpumpe UP 25

## Betrieb

Der Betriebsdruck der Anlage beträgt 9,0 bar. Das Sicherheitsventil öffnet bei 10,5 bar.

Füllen Sie die Anlage mit weichem Wasser, z. B. Regenwasser. Frostschutzmittel darf nicht verwendet werden.

## Filtersieb reinigen

WARNUNG: Das Wasser ist heiß.

1. Schließen Sie die beiden Absperrhähne.
2. Schrauben Sie die Kappe des Siebs ab.
3. Spülen Sie das Sieb mit klarem Wasser aus.

Reinigen Sie das Filtersieb alle 6 Monate.
"""
SPANISH = """# Cafetera CM 3

## Uso

Llene el depósito con agua fría hasta 1,8 litros. La presión de trabajo es de 15 bar. Una taza tarda aprox. 40 segundos.

No use la máquina sin agua.

## Descalcificar

PELIGRO: El vapor quema.

1. Vacíe la bandeja de goteo.
2. Llene el depósito con agua y descalcificador.
3. Pulse la tecla de limpieza durante 5 segundos.

Descalcifique la máquina cada 2 meses.
"""


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retriever]:
    folder = tmp_path_factory.mktemp("languages")
    (folder / "umwaelzpumpe.md").write_text(GERMAN, "utf-8")
    (folder / "cafetera.md").write_text(SPANISH, "utf-8")
    (folder / "pump.md").write_text("# Pump\n\n## Start\n\nPress the button.\n\n## Stop\n\nPress it again.\n", "utf-8")
    embedder = FakeEmbedder(dimensions=256)
    with Store.open(folder / "knowledge.db", create=True) as store:
        reports = list(Adder(store, embedder, max_tokens=80, max_file_bytes=10**6).add([folder]))
        assert {one.outcome for one in reports} == {"added"}
        yield Retriever(store, VectorIndex(store, embedder.fingerprint, 256, folder / "index"), embedder)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Wie hoch ist der Betriebsdruck der Anlagen?", "9,0 bar"),
        ("UMWALZPUMPE BETRIEBSDRUCK", "9,0 bar"),
        ("Umwaelzpumpe Betriebsdruck", "9,0 bar"),
        ("Wann oeffnet das Sicherheitsventil?", "10,5 bar"),
        ("Was öffnen die Sicherheitsventile?", "10,5 bar"),
        ("Wie reinige ich die Filtersiebe?", "Absperrhähne"),
        ("¿Cuántos litros caben en los depósitos?", "1,8 litros"),
        ("presion de trabajo de la maquina", "15 bar"),
        ("cada cuanto descalcificar", "2 meses"),
    ],
)
def test_a_question_finds_its_passage_in_other_forms_and_spellings(
    retriever: Retriever, question: str, expected: str
) -> None:
    assert expected in retriever.search(question, 3).hits[0].passage.text


@pytest.mark.parametrize("text", ["Wie ist der, die oder das?", "¿Cómo es el que está en la?"])
def test_function_words_are_no_terms(text: str) -> None:
    assert terms(text) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sicherung", "Sicherungen"),
        ("Ventil", "Ventile"),
        ("Straßen", "STRASSE"),
        ("großes", "großem"),
        ("válvula", "valvulas"),
    ],
)
def test_forms_of_one_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("list", "listen"), ("even", "eve"), ("boden", "bode"), ("oxygen", "oxyg"), ("war", "was"), ("no", "nein")],
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert terms(one) != terms(other)


def _passage(text: str) -> Passage:
    return replace(passage(text), title="Umwälzpumpe")


PRESSURE = _passage("Der Betriebsdruck der Anlage beträgt 9,0 bar. Die Pumpe läuft mit 1.500 U/min.")
INTERVAL = _passage("Reinigen Sie das Filtersieb alle 6 Monate. Frostschutzmittel darf nicht verwendet werden.")
WATER = _passage("Llene el depósito con agua hasta 1,8 litros cada 2 días. No use la máquina sin agua.")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (PRESSURE, "Der Betriebsdruck beträgt 9,0 bar."),
        (PRESSURE, "Der Betriebsdruck beträgt 9 bar."),
        (PRESSURE, "Der Betriebsdruck der Anlage beträgt 9.0 bar."),
        (PRESSURE, "Die Pumpe läuft mit 1.500 U/min."),
        (INTERVAL, "Das Filtersieb alle 6 Monate reinigen."),
        (INTERVAL, "Frostschutzmittel darf nicht verwendet werden."),
        (INTERVAL, "Nein, Frostschutzmittel darf nicht verwendet werden."),
        (WATER, "Llene el depósito hasta 1.8 litros."),
        (WATER, "Llene el depósito cada 2 días."),
    ],
)
def test_what_the_document_says_is_confirmed(source: Passage, sentence: str) -> None:
    verdict = Gate([source]).judge(sentence)
    assert verdict.supported, verdict.reason


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (PRESSURE, "Der Betriebsdruck beträgt 8,0 bar."),
        (PRESSURE, "Der Betriebsdruck beträgt 90 bar."),
        (PRESSURE, "Der Betriebsdruck beträgt 9,0 mbar."),
        # Read as English, one thousand five hundred was one and a half.
        (PRESSURE, "Die Pumpe läuft mit 1,5 U/min."),
        (PRESSURE, "Die Pumpe läuft mit 15 U/min."),
        # The words for months and weeks were no units.
        (INTERVAL, "Reinigen Sie das Filtersieb alle 6 Wochen."),
        (INTERVAL, "Reinigen Sie das Filtersieb alle 6 Jahre."),
        (INTERVAL, "Frostschutzmittel darf verwendet werden."),
        (INTERVAL, "Frostschutzmittel darf niemals nach 6 Monaten verwendet werden."),
        (INTERVAL, "Ja, Frostschutzmittel darf nicht verwendet werden."),
        (WATER, "Llene el depósito hasta 18 litros."),
        (WATER, "Llene el depósito cada 2 semanas."),
        (WATER, "Use la máquina."),
    ],
)
def test_a_wrong_number_unit_or_denial_is_refused(source: Passage, sentence: str) -> None:
    assert not Gate([source]).judge(sentence).supported


@pytest.mark.parametrize(
    ("question", "how"),
    [
        ("Wie reinige ich das Filtersieb?", True),
        ("Wie kann man das Sieb ausspülen?", True),
        ("¿Cómo descalcifico la cafetera?", True),
        ("como se limpia la bandeja", True),
        ("Wie lange gilt die Garantie?", False),
        ("Wie heißt die Pumpe?", False),
        ("¿Cómo es la cafetera?", False),
    ],
)
def test_a_question_for_a_way_to_do_something_is_recognised(question: str, how: bool) -> None:
    assert asks_how(question) is how
    assert asks_for_explanation(question) is how


@pytest.mark.parametrize(
    ("manual", "question", "first", "last"),
    [
        (GERMAN, "Wie reinige ich das Filtersieb?", "WARNUNG: Das Wasser ist heiß.", "klarem Wasser aus."),
        (SPANISH, "¿Cómo descalcificar la máquina?", "PELIGRO: El vapor quema.", "durante 5 segundos."),
    ],
)
def test_steps_come_with_the_warning_in_front_of_them(manual: str, question: str, first: str, last: str) -> None:
    title, _, rest = manual.partition("\n")
    _, _, section = rest.rpartition("## ")
    heading, _, text = section.partition("\n\n")
    found = steps(
        replace(passage(text, headings=(heading,)), title=title.strip("# ")), dict.fromkeys(terms(question), 1.0)
    )
    assert found is not None
    assert found.quote.startswith(first)
    assert found.quote.endswith(last)
