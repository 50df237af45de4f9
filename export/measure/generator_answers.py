"""Answers to a file of questions through the public Assistant, and how many of their words are right.

Knows the Assistant and SQuAD's definition of word F1; not what the artifact was made of.
"""

import json
import re
import string
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.errors import SourceError

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def read_questions(path: Path) -> list[dict[str, Any]]:
    """Return the questions of a JSON lines file, each with "question" and "answers". Raises SourceError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [_question(json.loads(line)) for line in lines if line.strip()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise SourceError(
            f"{path} is no file of questions ({type(exc).__name__}: {exc}); write one JSON object a line with "
            '"question" and "answer".'
        ) from exc
    if not found:
        raise SourceError(f"{path} holds no question; write one JSON object a line.")
    return found


def _question(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the question with all answers that are right; none where the documents hold none: to refuse is right."""
    right = [] if entry.get("kind") == "unanswerable" else entry.get("answers", entry.get("answer")) or []
    answers = [right] if isinstance(right, str) else [str(each) for each in right]
    return {"question": str(entry["question"]), "answers": [each for each in answers if each]}


def measure(home: Path, models: Path, ident: str, questions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Answer the questions with the generator `ident` over the knowledge base in `home`; return the mean word F1."""
    from assistant import Assistant
    from assistant.settings import load

    settings = load(environment={}, flags={"data_dir": str(home), "models_dir": str(models), "generator.id": ident})
    scores, modes = [], Counter[str]()
    with Assistant.open(settings) as fieldmate:
        for entry in questions:
            answer = fieldmate.answer(entry["question"])
            refused = answer.status == "abstained"
            modes["abstained" if refused else answer.mode] += 1
            if entry["answers"]:
                scores.append(0.0 if refused else word_f1(answer.text, entry["answers"]))
            else:
                scores.append(float(refused))
    return {"answer_f1": sum(scores) / len(scores), "answer_modes": dict(modes), "questions": len(scores)}


def add_documents(home: Path, models: Path, paths: Sequence[str]) -> int:
    """Make the knowledge base that every variant answers from; return how many documents it holds."""
    from assistant import Assistant
    from assistant.settings import load

    settings = load(environment={}, flags={"data_dir": str(home), "models_dir": str(models)})
    with Assistant.open(settings) as fieldmate:
        report = fieldmate.add(paths)
        refused = [each.reason for each in report.files if each.outcome == "refused"]
        if not report.count("added"):
            raise SourceError(f"No document could be added ({refused[0] if refused else 'there is none'}).")
    return report.count("added")


def words(text: str) -> list[str]:
    """Return the text's words as SQuAD compares them: lower case, without punctuation and articles."""
    return ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split()


def word_f1(given: str, answers: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of the words, best over the right answers."""
    return max((_f1(words(given), words(answer)) for answer in answers), default=0.0)


def _f1(given: list[str], right: list[str]) -> float:
    if not given or not right:
        return float(given == right)
    common = sum((Counter(given) & Counter(right)).values())
    return 2 * common / (len(given) + len(right))
