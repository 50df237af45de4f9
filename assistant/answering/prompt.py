"""The prompt, within a token budget and in cache order. Pure.

Fixed instructions first, then passages, then what changes: the question, and nothing else, since all that stands there
is read while somebody waits. No rank number, date or session name stands in front of a passage: each would keep its
stored state from being used again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assistant.answering.addressed import for_readers, headings_for_readers, to_a_machine
from assistant.types import Passage, Prompt, Turn

INSTRUCTIONS = (
    "You help technicians with their manuals. Answer the question from the excerpts below and from nothing else. "
    "Copy numbers, units, codes and part names exactly as they are written."
)
_BRIEF = " Answer in as few words as possible, copied from the excerpts."
"""For facts: word F1 .40 on 40 questions of squad2, with one or two short sentences .27; and .44 here instead of .34
behind the question (one passage, 40 others; see benchmarks/LOG.md)."""
_WORDED = " Answer in one or two short sentences. If steps are asked for, list them in order."
_HISTORY_TURNS = 2
_HISTORY_CHARACTERS = 300
_QUESTION_CHARACTERS = 2000


def instructions(*, brief: bool) -> str:
    """What stands in front of the passages, for a fact or for an explanation."""
    return INSTRUCTIONS + (_BRIEF if brief else _WORDED)


def build(
    question: str,
    history: Sequence[Turn],
    passages: Sequence[Passage],
    count: Callable[[Prompt], int],
    budget: int,
    *,
    brief: bool = False,
) -> tuple[Prompt, tuple[Passage, ...]]:
    """The prompt with as many of `passages` as fit, best first, and those passages.

    Args:
        question: as the user put it; only its first 2,000 characters are used.
        history: turns before it; the last two are shown, shortened.
        passages: best first.
        count: tokens of a prompt, template included.
        budget: most tokens that the prompt may take.
        brief: ask for the fact alone instead of sentences; the passages are cut down to some sentences for this
            question then, and stand with it, since their states are of no use to another one.

    At least one passage is kept, cut at its end if it must be; a question alone cannot exceed the budget because it is
    cut as well.
    """
    fixed = instructions(brief=brief)

    def prompt(texts: Sequence[str], tail: str) -> Prompt:
        return Prompt(fixed, (), "".join((*texts, tail))) if brief else Prompt(fixed, tuple(texts), tail)

    tail = _fitting_tail(question, history, lambda tail: count(prompt((), tail)), budget // 2)
    chosen: list[Passage] = []
    texts: list[str] = []
    for passage in passages:
        text = render(passage)
        if count(prompt((*texts, text), tail)) <= budget:
            chosen.append(passage)
            texts.append(text)
    if passages and not chosen:
        whole = render(passages[0])
        chosen, texts = [passages[0]], [_shortened(whole, lambda text: count(prompt((text,), tail)), budget)]
    return prompt(texts, tail), tuple(chosen)


def render(passage: Passage) -> str:
    """A passage as the model sees it: where it stands, then its text; it depends on nothing but the passage.

    What speaks to the model instead of a reader is left out: a model of this size cannot tell an excerpt from an order.
    """
    heading = " > ".join(headings_for_readers(passage)) or "a document"
    context = "" if to_a_machine(passage.context) else passage.context
    parts = (f"Excerpt from {heading}:", context, for_readers(passage))
    return "\n".join(part for part in parts if part) + "\n\n"


def _tail(question: str, history: Sequence[Turn]) -> str:
    lines = [
        f"Earlier question: {_cut(turn.question)}\nEarlier answer: {_cut(turn.answer)}\n"
        for turn in history[-_HISTORY_TURNS:]
    ]
    return "".join(lines) + f"Question: {question[:_QUESTION_CHARACTERS]}"


def _fitting_tail(question: str, history: Sequence[Turn], count: Callable[[str], int], budget: int) -> str:
    """The tail within `budget`: without the history if that is too much, then with less of the question.

    Scripts that the tokenizer does not know take several tokens a character, so characters alone are no bound.
    """
    tail = _tail(question, history)
    length = min(len(question), _QUESTION_CHARACTERS)
    while count(tail) > budget and length > 1:
        if history:
            history = ()
        else:
            length //= 2
        tail = _tail(question[:length], history)
    return tail


def _cut(text: str) -> str:
    return text if len(text) <= _HISTORY_CHARACTERS else text[:_HISTORY_CHARACTERS] + " …"


def _shortened(text: str, count: Callable[[str], int], budget: int) -> str:
    """The longest beginning of `text` that fits, found by halving."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = count(text[:middle]) <= budget
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low]
