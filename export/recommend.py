"""Chooses among measured variants: the best quality inside a budget, and what it costs.

Knows rows of reports and no artifact. It estimates one thing and says so: the wait for the first token is the prompt's
tokens divided by the measured prefill rate, without the search before it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export import report
from export.errors import SourceError
from export.report import Report

SECONDS = {"ms": 0.001, "s": 1.0}
BYTES = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
NEEDED = ("perplexity", "prefill_rate", "decode_rate", "peak_memory", "bytes")


@dataclass(frozen=True, slots=True)
class Budget:
    """What a variant may cost; None is no limit."""

    first_token: float | None
    """Seconds."""
    memory: float | None
    """Bytes."""
    size: float | None
    """Bytes."""
    prompt_tokens: int = 512

    @classmethod
    def parse(cls, first_token: str | None, memory: str | None, size: str | None, prompt_tokens: int = 512) -> "Budget":
        """Return the budget that the words of the command line mean. Raises SourceError."""
        if first_token is None and memory is None and size is None:
            raise SourceError("No budget is given; say --max-first-token, --max-memory or --max-size.")
        return cls(
            _quantity(first_token, SECONDS, "700ms"), _quantity(memory, BYTES, "900MB"),
            _quantity(size, BYTES, "200MB"), prompt_tokens,
        )  # fmt: skip

    def shares(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Return how much of each limit the row uses: above 1 it does not fit."""
        costs = {
            "first token": (self.first_token, first_token(row, self.prompt_tokens)),
            "memory": (self.memory, row["peak_memory"] * 1e6),
            "size": (self.size, row["bytes"]),
        }
        return {name: cost / limit for name, (limit, cost) in costs.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class Choice:
    """The variant that is recommended, and what it costs."""

    row: Mapping[str, Any]
    machine: str
    prompt_tokens: int
    others: int
    """Variants that fit as well and are worse."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object that --json prints."""
        row, wait = self.row, first_token(self.row, self.prompt_tokens)
        names = ("variant", "type", "format", "bytes", "perplexity", "perplexity_increase", "agreement", "answer_f1")
        return {
            **{name: row[name] for name in names if row.get(name) is not None},
            "first_token_ms_estimate": round(wait * 1000, 1), "prompt_tokens": self.prompt_tokens,
            "prefill_rate": row["prefill_rate"], "decode_rate": row["decode_rate"],
            "peak_memory_mb": row["peak_memory"], "machine": self.machine,
        }  # fmt: skip

    def sentence(self) -> str:
        """Return the recommendation in words."""
        row, wait = self.row, first_token(self.row, self.prompt_tokens) * 1000
        return (
            f"{row['variant']}: {_quality(row)}, {row['bytes'] / 1e6:.0f} MB file, "
            f"{row['peak_memory']:.0f} MB of memory, {row['decode_rate']:.0f} tokens/s written, first token after "
            f"about {wait:.0f} ms (an estimate: {self.prompt_tokens} prompt tokens at the measured "
            f"{row['prefill_rate']:.0f} tokens/s, without the search before). Measured on {self.machine}; "
            f"{self._others()}."
        )

    def _others(self) -> str:
        words = {0: "no other variant fits", 1: "1 other variant fits and is worse"}
        return words.get(self.others, f"{self.others} other variants fit and are worse")


def recommend(reports: Sequence[Report], budget: Budget) -> Choice:
    """Return the variant with the best quality inside the budget.

    Raises SourceError when none fits, with the nearest, or when the rows cannot be compared.
    """
    rows = [(row, source) for source in reports for row in source.rows if _is_candidate(row)]
    if not rows:
        raise SourceError(
            "The report holds no generator with measured perplexity, rates and memory; name another one with --report."
        )
    _check_comparable([row for row, _ in rows])
    _check_one_machine([source for _, source in rows])
    fitting = [(row, source) for row, source in rows if max(budget.shares(row).values()) <= 1]
    if not fitting:
        raise SourceError(_nothing_fits([row for row, _ in rows], budget))
    row, source = min(fitting, key=lambda each: (each[0]["perplexity"], each[0]["bytes"]))
    machine = f"{source.environment.get('cpu', 'an unknown machine')}, {row.get('threads', '?')} threads"
    return Choice(row, machine, budget.prompt_tokens, len(fitting) - 1)


def first_token(row: Mapping[str, Any], prompt_tokens: int) -> float:
    """Return the estimated wait for the first token in seconds."""
    return float(prompt_tokens / row["prefill_rate"])


def _is_candidate(row: Mapping[str, Any]) -> bool:
    return row.get("role") == "generator" and not row.get("refused") and all(row.get(name) for name in NEEDED)


def _check_comparable(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise SourceError unless all perplexities were measured on the same tokens of the same text."""
    for name, what in (("text_sha256", "texts"), ("window", "windows"), ("tokens", "numbers of tokens")):
        if len({row.get(name) for row in rows}) > 1:
            raise SourceError(
                f"The reports were measured on different {what}, so their perplexities cannot be compared; "
                "measure again with the same --text, --window and --windows."
            )


def _check_one_machine(reports: Sequence[Report]) -> None:
    if len({str(each.environment.get("cpu")) for each in reports}) > 1:
        raise SourceError(
            "The reports come from different machines, so their rates cannot be compared; name reports of one machine."
        )


def _nothing_fits(rows: Sequence[Mapping[str, Any]], budget: Budget) -> str:
    nearest = min(rows, key=lambda row: max(budget.shares(row).values()))
    over = {name: share for name, share in budget.shares(nearest).items() if share > 1}
    words = {
        "first token": f"its first token comes after about {first_token(nearest, budget.prompt_tokens) * 1000:.0f} ms",
        "memory": f"it needs {nearest['peak_memory']:.0f} MB of memory",
        "size": f"its file has {nearest['bytes'] / 1e6:.0f} MB",
    }
    return (
        f"No variant fits; the nearest is {nearest['variant']}: {' and '.join(words[name] for name in over)} "
        f"({max(over.values()):.2f} times the limit); raise the limit, shorten --prompt-tokens or export a "
        "smaller model."
    )


def _quality(row: Mapping[str, Any]) -> str:
    increase = row.get("perplexity_increase")
    words = [f"perplexity {row['perplexity']:.2f}" + ("" if increase is None else f" ({increase:+.2f} % over float)")]
    if row.get("answer_f1") is not None:
        words.append(f"answer F1 {row['answer_f1']:.3f}")
    return ", ".join(words)


def _quantity(text: str | None, units: Mapping[str, float], example: str) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    factor = next((value for unit, value in units.items() if found and unit.lower() == found[2].lower()), None)
    if found is None or factor is None or float(found[1]) == 0:
        raise SourceError(f"{text!r} is no limit; write it like {example!r}.")
    return float(found[1]) * factor


def render_again(folders: Sequence[Path], out: Path | None) -> Iterator[Path]:
    """Write reports again from what is stored: each in its place, or one of all rows in `out`. Raises SourceError."""
    stored = [(folder, report.read_report(folder)) for folder in folders]
    if out is None:
        for folder, one in stored:
            place = folder if folder.is_dir() else folder.parent
            report.write_report(place, one.title, one.rows, one.columns, one.notes, one.plots, machine=one.environment)
            yield place / report.TABLE
        return
    joined = [one for _, one in stored]
    _check_one_machine(joined)
    rows = [row for one in joined for row in one.rows]
    columns, notes, plots = (_united(joined, name) for name in ("columns", "notes", "plots"))
    title = "; ".join(one.title for one in joined)
    report.write_report(out, title, rows, columns, notes, plots, machine=joined[0].environment)
    yield out / report.TABLE


def _united(reports: Sequence[Report], name: str) -> list[Any]:
    """Return each value of this field of all reports once, in the order in which they first come."""
    return list(dict.fromkeys(value for one in reports for value in getattr(one, name)))
