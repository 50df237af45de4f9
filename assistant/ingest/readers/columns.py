"""What the cells of a table tell about it: whether a row names the columns, which column names the rows. Pure.

It knows no file and no block; tables of every format are asked the same questions here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST_NAME = 80
_NUMBER = re.compile(
    r"[-+±<>≤≥~]?\s?[€$£]?\d[\d.,'\u00a0 ]*(?:[eE][-+]?\d+)?\s?(?:%|[^\W\d]{1,4}(?:/[^\W\d]{1,4})?|°C?)?"
)
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")
_WORD = re.compile(r"[^\W\d_]")
_QUESTION_NAMES = """
    question questions q query faq frage fragen kundenfrage pregunta preguntas domanda vraag pergunta prompt
    question_text faq_question fråga
"""
_QUESTIONS = frozenset(_QUESTION_NAMES.split())
_ANSWER_NAMES = """
    answer answers a response reply antwort antworten lösung respuesta respuestas réponse reponse risposta antwoord
    resposta answer_text faq_answer accepted_answer svar
"""
_ANSWERS = frozenset(_ANSWER_NAMES.split())
_LABEL_SAMPLE = 200
_LONGEST_LABEL = 80
_DISTINCT = 0.9
"""Share of the rows that a label must fill, and of the filled ones that must differ."""


def is_number(text: str) -> bool:
    """Whether a cell holds a number, with or without its unit, or a date."""
    return _NUMBER.fullmatch(text) is not None or _DATE.fullmatch(text) is not None


def looks_like_names(cells: Sequence[str]) -> bool:
    """Whether a row could name the columns: short words, each different, none of them a number; the first may lack."""
    texts = [text.strip() for text in cells]
    while texts and not texts[-1]:
        texts.pop()
    named = [text for text in texts if text]
    if len(named) < 2 or not all(texts[1:]):
        return False
    if any(len(text) > _LONGEST_NAME or is_number(text) or not _WORD.search(text) for text in named):
        return False
    return len({text.casefold() for text in named}) == len(named) and not any(text[-1] in ".?!;" for text in named[1:])


def question_and_answer(names: Sequence[str]) -> tuple[int, int] | None:
    """The columns that hold questions and answers, by their names."""
    plain = [re.sub(r"[\s_\-]+", "_", name.strip().casefold()).strip("_.: ") for name in names]
    question = next((index for index, name in enumerate(plain) if name in _QUESTIONS), None)
    answer = next((index for index, name in enumerate(plain) if name in _ANSWERS), None)
    return (question, answer) if question is not None and answer is not None else None


def asks(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows of two columns without names are questions with their answers."""
    pairs = [row for row in rows if len(row) >= 2 and row[0].strip() and row[1].strip()]
    if not pairs or any(len(row) > 2 and any(row[2:]) for row in rows):
        return False
    questions = sum(row[0].strip().endswith(("?", "？")) for row in pairs)
    answers = sum(row[1].strip().endswith(("?", "？")) for row in pairs)
    return questions >= 0.8 * len(pairs) and answers <= 0.2 * len(pairs)


def label_columns(rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """The column whose values tell the rows apart, or the two that do so together; empty where none do."""
    sample = rows[:_LABEL_SAMPLE]
    width = max((len(row) for row in sample), default=0)
    candidates = [column for column in range(min(width, 12)) if _fits(sample, column)]
    distinct = [column for column in candidates if _differ(sample, (column,))]
    worded = [column for column in distinct if any(_WORD.search(row[column]) for row in sample if column < len(row))]
    if worded or distinct:
        return ((worded or distinct)[0],)
    pairs = [(one, other) for one in candidates for other in candidates if one < other]
    return next((pair for pair in pairs if _differ(sample, pair)), ())


def _fits(rows: Sequence[Sequence[str]], column: int) -> bool:
    values = [row[column].strip() for row in rows if column < len(row) and row[column].strip()]
    return len(values) >= _DISTINCT * len(rows) and max(map(len, values), default=0) <= _LONGEST_LABEL


def _differ(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> bool:
    values = [tuple(row[column] if column < len(row) else "" for column in columns) for row in rows]
    return len(set(values)) >= _DISTINCT * len(values)
