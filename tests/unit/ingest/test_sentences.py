"""Sentence boundaries: the ones that abbreviations and numbers fake, and the ones that must be found."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.sentences import iter_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in iter_sentences(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Leave a gap of approx. 5 mm on each side.",
        "See Fig. 3 and Figs. 4 to 6 for details.",
        "Set the pressure to max. 2.5 bar before use.",
        "Use a solvent, e.g. Isopropanol, i.e. Alcohol, vs. Water.",
        "Order part No. 5 for the pump.",
        "The value 3.14 is stored in P-01.",
        "The manual was written by J. Smith in Bern.",
        "Dr. A. Weber and Mr. Jones signed it.",
        "Die Prüfung ist am 3. Mai fällig.",
        "Der 2. Schritt folgt z.B. Montag.",
        "Spannung ca. 230 V bzw. 400 V, siehe Abb. 7.",
        "Nehmen Sie ein mildes Mittel, z. B. Essig, d. h. Säure.",
        "Der Druck liegt i. d. R. bei 4 bar, siehe Abschn. 3 und Kap. 4.",
        "El depósito tiene aprox. 5 litros, véase la pág. 12.",
        "Llame al Sr. Pérez y vea el núm. 4.",
        "12. Remove the cover plate.",
        "Replace it (see sect. 4) when worn.",
        "Open example.com or fw_4.18.bin now.",
        "Firmware v1.2.3 is needed.",
        "Wait min. 5 s.",
        "E07 | approx. | 5 mm",
    ],
)
def test_one_sentence_stays_whole(sentence: str) -> None:
    assert sentences(sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Close the valve. Open the drain.", ["Close the valve.", "Open the drain."]),
        ("Is it hot? Then wait! Go on.", ["Is it hot?", "Then wait!", "Go on."]),
        ("Wait 5 min. Then start.", ["Wait 5 min.", "Then start."]),
        ("Set it to 5. Then press OK.", ["Set it to 5.", "Then press OK."]),
        ("Connect it to 230 V. Switch on.", ["Connect it to 230 V.", "Switch on."]),
        ("Schließen Sie Ventil A. B ist offen.", ["Schließen Sie Ventil A.", "B ist offen."]),
        ("¿Está frío? ¡Espere! Siga.", ["¿Está frío?", "¡Espere!", "Siga."]),
        ("Put it into container A. Press start.", ["Put it into container A.", "Press start."]),
        ("Is it safe? No. Use water.", ["Is it safe?", "No.", "Use water."]),
        ('He said "stop." Then it stopped.', ['He said "stop."', "Then it stopped."]),
        ("It ended... Then it began.", ["It ended...", "Then it began."]),
        ("Bolts, nuts, etc. Then close it.", ["Bolts, nuts, etc.", "Then close it."]),
        ("Turn it off. 3 bolts hold it.", ["Turn it off.", "3 bolts hold it."]),
        ("- first\n- second", ["- first", "- second"]),
        ("关闭阀门。打开泵。", ["关闭阀门。", "打开泵。"]),
        ("No end mark", ["No end mark"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_boundaries_are_found(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


PIECES = st.sampled_from([*"aZ5.!?… \n|()\"'。", "approx.", "No. 5", "e.g. ", "J. Smith", ". Then", "3. Mai", "\u00a0"])


@given(st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=80))
def test_spans_hold_every_visible_character_once_and_in_order(text: str) -> None:
    spans = list(iter_sentences(text))
    assert all(start < end for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    inside = "".join(text[start:end] for start, end in spans)
    assert "".join(inside.split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["." * 300_000, ". " * 150_000, "a" * 300_000, "A. " * 100_000, "\n" * 300_000])
def test_time_stays_linear_on_odd_text(text: str) -> None:
    begun = time.perf_counter()
    for _ in iter_sentences(text):
        pass
    assert time.perf_counter() - begun < 5
