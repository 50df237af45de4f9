"""Answering without a model: the sentences of the passages that fit a question best. Pure.

What is shown is verbatim, but for table rows: they are shown with their column names, and cited verbatim. A question
for a fact gets the sentence that states it; one for an explanation gets the stretch of a passage that is most likely
the whole of it, because what explains something is seldom one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answering.confidence import calibration
from assistant.answering.reading import Sentence
from assistant.answering.stretch import best_stretch, features
from assistant.answering.tables import is_row
from assistant.quantities import identifiers
from assistant.retrieval.terms import terms
from assistant.types import Evidence

_LEAST = 0.15
"""Below this value a sentence answers nothing. Whether to answer at all was decided before, by calibrated evidence."""
_NEXT_BELONGS = 0.85
"""A neighbour with at least this share of the best value is quoted with it."""
_NAMES_A_SECTION = 0.6
"""Share of a question's terms, by weight, from which a heading that holds them is what it asks about (open Smart-TV
set, see benchmarks/LOG.md)."""
_ASKS_FOR_EXPLANATION = re.compile(
    r"\bhow (do|can|to|should|would|must|does|is|are|did)\b|^\W*(can|could|is it possible|explain|please|why|"
    r"describe|tell)|\bwhat (should|can|happens|will|to do|(do|does|must|would|could) (i|we|you|one))\b|"
    r"\bis there (a|any|some|no) way\b|"
    r"\bwhat(['’]s| is| are)( the)? (use|purpose|function|feature|advantage)s?\b|"
    r"\bwhere (to|(do|does|did|can|could|should|would|must|may) (i|we|you|one))\b|"
    r"\b(steps|procedure|instructions|explain|different|kinds of|functions|features)\b|"
    r"^\W*(wie (kann|muss|soll|sollte|\w+[et]) (ich|man|wir)|warum|weshalb|wozu|erklär\w*|beschreib\w*)\b|"
    r"^\W*(c[oó]mo (se|puedo|debo|debe|hay que|\w{3,}o)|por qué|para qué|expli\w+|describ\w+)\b",
    re.IGNORECASE,
)
_TELLS = re.compile(r"^\W*(i|my) ", re.IGNORECASE)
"""Who begins with what is the matter wants to know what to do, unless a figure is asked for."""
_HOW_MUCH = (
    r"how (big|close|cold|deep|far|fast|heavy|high|hot|large|late|little|long|loud|low|many|much|often|old|quickly|"
    r"short|slow|small|soon|strong|tall|thick|thin|warm|wide)"
)
_QUANTITY = (
    "age amount amperage angle capacity charge code concentration cost count current date day deadline density depth "
    "diameter distance dose duration figure flow force frequency height hour interval length level limit load mass "
    "maximum minimum minute month number part percentage period power pressure price quantity range rate rating ratio "
    "resistance resolution size speed temperature thickness time tolerance torque value voltage volume wattage weight "
    "width year"
)
_UNIT = (
    "ampere amp bar byte celsius centimeter centimetre degree fahrenheit feet foot gram hertz inche inch kelvin "
    "kilogram kilometer kilometre kilowatt liter litre megabyte meter metre mile millimeter millimetre millisecond "
    "newton ohm pascal percent pixel pound psi rpm second ton volt watt week % °c °f cm db gb hz kg khz km kw mb mhz "
    "ml mm nm"
)
_ASKS_FOR_VALUE = re.compile(
    rf"\b({_HOW_MUCH}|when|who|whom|whose)\b|"
    # "which spare part number", "what is the maximum water pressure of …", "at what temperature", "in which year"
    r"\b(what|which)(['’]s| is| are| was| were)?( the| a| an| its| my| your| this)?( [\w-]+){0,2}? "
    rf"({'|'.join(_QUANTITY.split())})s?(?=\W*$|[,;:?]| (at|between|by|can|did|do|does|during|for|from|has|have|in|is|"
    r"are|was|were|may|must|of|on|per|shall|should|to|under|when|will|with|would)\b)|"
    # "in bar", "how many … per second", "which volts"
    rf"\b(in|of|per|to|what|which) ({'|'.join(_UNIT.split())})s?"
    r"(?=\W*$|[,;:?]| (are|at|do|does|for|is|must|per|when)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quote:
    """A quotation and how it is shown."""

    evidence: Evidence
    shown: str


def asks_for_explanation(question: str) -> bool:
    """Whether `question` asks how, why or whether, rather than for one fact."""
    if _ASKS_FOR_EXPLANATION.search(question):
        return True
    return bool(_TELLS.search(question)) and not re.search(rf"\b{_HOW_MUCH}\b", question, re.IGNORECASE)


def wants_explanation(question: str, sentences: Sequence[Sentence]) -> bool:
    """Whether an explanation answers `question`: it asks for one, or for what a section is about.

    A question in the words of a heading wants what stands below it, unless it wants a value or a code from there.

    Args:
        question: the text that was searched for.
        sentences: of the passages that were found for it, best passage first.
    """
    if asks_for_explanation(question):
        return True
    named = sentences[0].named if sentences and not sentences[0].rank else 0.0
    return named >= _NAMES_A_SECTION and not _ASKS_FOR_VALUE.search(question) and not identifiers(question)


def best_quote(question: str, sentences: Sequence[Sentence]) -> Quote | None:
    """What answers `question` best of these sentences.

    Args:
        question: the text that was searched for.
        sentences: in reading order.

    Returns:
        None when no sentence fits.
    """
    if not sentences:
        return None
    asked = frozenset(terms(question))
    worth = [_worth(sentences, index, asked) for index in range(len(sentences))]
    best = max(range(len(sentences)), key=lambda index: (worth[index], -index))
    if worth[best] < _LEAST:
        return None
    wide = wants_explanation(question, sentences) and not is_row(sentences[best].text)
    first, last = _explanation(sentences) if wide else _with_neighbour(sentences, best)
    last = _until_it_says_something(sentences, first, last, asked)
    start, end = sentences[first], sentences[last]
    held, value = start.passage, max(one.value for one in sentences[first : last + 1])
    evidence = Evidence(held, held.start + start.start, held.start + end.end, min(1.0, value))
    return Quote(evidence, start.shown if first == last else held.text[start.start : end.end])


def _worth(sentences: Sequence[Sentence], index: int, asked: frozenset[str]) -> float:
    """What a sentence is chosen by: its value, or that of one right before it which only says what was asked.

    Lists of questions, and of what can be wrong, hold the answer behind the words of the question.
    """
    own = sentences[index]
    if not _answers(own, asked):
        return 0.0
    before = sentences[index - 1] if index else None
    passed = before is not None and before.passage is own.passage and not _answers(before, asked)
    return max(own.value, before.value) if before is not None and passed else own.value


def _answers(sentence: Sentence, asked: frozenset[str]) -> bool:
    """Whether it says something that was not asked: a question does not, nor the words of the question said again."""
    return not sentence.text.rstrip().endswith("?") and not frozenset(terms(sentence.text)) <= asked


def _until_it_says_something(sentences: Sequence[Sentence], first: int, last: int, asked: frozenset[str]) -> int:
    """Index of the last sentence to quote, so that not all of them say only what was asked."""
    while not any(_answers(one, asked) for one in sentences[first : last + 1]):
        following = last + 1
        if following == len(sentences) or sentences[following].passage is not sentences[first].passage:
            break
        last = following
    return last


def _with_neighbour(sentences: Sequence[Sentence], best: int) -> tuple[int, int]:
    """Indices of the first and last sentence to quote: the best, and one beside it that fits nearly as well."""
    for first, last, other in ((best, best + 1, best + 1), (best - 1, best, best - 1)):
        if not 0 <= other < len(sentences) or sentences[other].passage is not sentences[best].passage:
            continue
        rows = is_row(sentences[other].text) or is_row(sentences[best].text)
        if not rows and sentences[other].value >= _NEXT_BELONGS * sentences[best].value:
            return first, last
    return best, best


def _explanation(sentences: Sequence[Sentence]) -> tuple[int, int]:
    """Indices of the first and last sentence of the stretch that most likely is the explanation."""
    belongs = calibration().stretch
    return best_stretch(sentences, [belongs(one) for one in features(sentences)])
