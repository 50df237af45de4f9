"""One measurement in a process of its own: `python -m export.measure.generator_child REQUEST.json RESULT.json`.

Knows which function does what is asked, and nothing of the order in which variants are measured. A request names its
`action`; an expected failure comes back as {"refused": sentence}.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from export.errors import ExportError


def scorer_of(format: str, model: Path, window: int, threads: int) -> Any:
    """Return what gives the probabilities of an artifact's next tokens: `logs`, `vocabulary` and `close`."""
    if format == "gguf":
        from export.measure.generator_logits import Scorer

        return Scorer(model, window, threads)
    from export.measure.tflite import TfliteScorer

    return TfliteScorer(model, threads)


def tokens(request: dict[str, Any]) -> dict[str, Any]:
    """Split the text as the model does and choose the windows; write them."""
    from export.measure import generator_windows

    text = Path(request["text"]).read_text(encoding="utf-8")
    split = _by_tokenizers if request["tokenizer"].endswith(".json") else _by_llama_cpp
    ids, bos, vocabulary = split(Path(request["tokenizer"]), text)
    length = request["window"]
    compared = max(1, request["room"] // (length // 2 * vocabulary * 4))
    chosen = generator_windows.choose(ids, count=request["count"], length=length, compared=compared, bos=bos)
    written = {"windows": chosen.windows, "scored": chosen.scored, "compared": chosen.compared, "text_ids": ids}
    Path(request["windows"]).write_text(json.dumps(written), encoding="utf-8")
    return {"windows": len(chosen.windows), "scored": chosen.scored, "compared": len(chosen.compared)}


def _by_llama_cpp(model: Path, text: str) -> tuple[list[int], int | None, int]:
    """Return the text's tokens, the token that belongs in front of a text, and the vocabulary's size."""
    from export.measure.generator_logits import Scorer

    scorer = Scorer(model, 32, 1)
    found = scorer.tokenize(text), scorer.bos, scorer.vocabulary
    scorer.close()
    return found


def _by_tokenizers(path: Path, text: str) -> tuple[list[int], int | None, int]:
    """Do the same with a tokenizer.json, whose own template says what belongs in front."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.fspath(path))
    alone = tokenizer.encode("", add_special_tokens=True).ids
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    return list(ids), alone[0] if alone else None, tokenizer.get_vocab_size()


def quality(request: dict[str, Any]) -> dict[str, Any]:
    """Score the windows; compare with the reference's distributions, or write them where they are to be made."""
    import numpy as np

    from export.measure import generator_logits

    asked = json.loads(Path(request["windows"]).read_text(encoding="utf-8"))
    scored, compared = asked["scored"], asked["compared"]
    scorer = scorer_of(request["format"], Path(request["model"]), len(asked["windows"][0]), request["threads"])
    shape, place = (len(compared), scored, scorer.vocabulary), Path(request["distributions"])
    kept = np.lib.format.open_memmap(place, "r" if place.exists() else "w+", np.float32, shape)
    writing, sums = kept.flags.writeable, []
    diverged, same = [np.zeros(0)], [np.zeros(0, dtype=bool)]
    for number, window in enumerate(asked["windows"]):
        logs = scorer.logs(window, scored)
        sums.append(generator_logits.surprise(logs, window))
        if number in compared:
            row = compared.index(number)
            if writing:
                kept[row] = logs
            diverged.append(generator_logits.divergence(kept[row], logs))
            same.append(generator_logits.agreement(kept[row], logs))
    scorer.close()
    every = np.concatenate(diverged)
    return {
        "nll": sums, "kl": float(every.mean()), "kl_99": float(np.quantile(every, 0.99)),
        "agreement": float(np.concatenate(same).mean()), "positions": len(every),
    }  # fmt: skip


def speed(request: dict[str, Any]) -> dict[str, Any]:
    """Load, read and write once."""
    from export.measure import generator_speed

    given = dict(request)
    text = Path(given.pop("text")).read_text(encoding="utf-8")
    return generator_speed.measure(Path(given.pop("model")), given.pop("format"), text=text[:40_000], **given)


def answers(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a file of questions, or make the knowledge base for it."""
    from export.measure import generator_answers

    home, models = Path(request["home"]), Path(request["models"])
    if "documents" in request:
        return {"documents": generator_answers.add_documents(home, models, request["documents"])}
    questions = generator_answers.read_questions(Path(request["questions"]))
    return generator_answers.measure(home, models, request["id"], questions)


ACTIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "tokens": tokens, "quality": quality, "speed": speed, "answers": answers,
}  # fmt: skip


def main() -> None:
    """Read the request, do it, and write the result."""
    asked, answered = map(Path, sys.argv[1:])
    request = json.loads(asked.read_text(encoding="utf-8"))
    from assistant.errors import FieldmateError

    try:
        result = ACTIONS[request.pop("action")](request)
    except (ExportError, FieldmateError) as exc:
        result = {"refused": str(exc)}
    answered.write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    main()
