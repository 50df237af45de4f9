"""Which questions are put to which documents to learn when to keep quiet, and which half of them is fitted on.

Half of the questions, chosen by a checksum of their ids, is the calibration part; nothing is fitted on the other, and
all rates that the file states are of that one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks import datasets, product
from benchmarks.datasets import DataSet, Question
from benchmarks.plan import Plan
from benchmarks.quality import bases

MOST = 200
"""Questions of one group."""
_SHORTEST_TITLE = 2
_ASKING = ("How do I use {}?", "What is {}?", "How to set up {} on my phone?", "Can I use {} with my tablet?")
_REPAIRING = "How do I do the {}?"
_OTHERS, _GUIDES = "emanual/other_manuals.jsonl", "myfixit/Appliance.json"


@dataclass(frozen=True, slots=True)
class Group:
    """Questions of one kind to one knowledge base."""

    name: str
    questions: tuple[Question, ...]
    answerable: bool
    weight: float = 1.0
    """Of the group in what is fitted."""


@dataclass(frozen=True, slots=True)
class Base:
    """Documents, and what is asked about them."""

    name: str
    files: Callable[[Plan], Path]
    groups: tuple[Group, ...]
    worded: bool = True
    """Whether a generator words some of the answers; not again for questions that another base has too."""
    read: tuple[Question, ...] = ()
    """Those with whole answers, of which the choice of stretches is learnt: all there are, since each has few sentences
    that belong."""


def is_fitted(question: Question, seed: int) -> bool:
    """Whether `question` belongs to the calibration part."""
    return zlib.crc32(f"{seed}:{question.id}".encode()) % 2 == 0


def of(plan: Plan) -> Iterator[Base]:
    """All knowledge bases with their groups of questions."""
    tv, squad = datasets.emanual(plan, others=False), datasets.squad2(plan)
    mtrag, noise, samples = datasets.mtrag(plan), datasets.noiseqa(plan), bases.samples()
    own = {
        "Smart-TV": [one for one in tv.questions if len(" ".join(one.answers)) > len("Yes, no")],
        "SQuAD 2": bases.of_kind(squad.questions, "answerable"),
        "MTRAG": bases.of_kind(mtrag.questions, "rewritten"),
        "NoiseQA": bases.of_kind(noise.questions, "clean"),
        "sample manuals": bases.of_kind(samples, "answerable"),
    }
    impossible = bases.of_kind(squad.questions, "impossible")
    open_ = bases.of_kind(samples, "impossible")

    def group(name: str, questions: list[Question], answerable: bool, weight: float = 1.0) -> Group:
        return Group(name, tuple(bases.some(questions, plan.limit or MOST, plan.seed)), answerable, weight)

    def strangers(*names: str) -> list[Group]:
        return [group(f"of {name}", bases.some(own[name], MOST // 2, plan.seed), False) for name in names]

    def base(name: str, data: DataSet, *groups: Group, read: tuple[Question, ...] = ()) -> Base:
        return Base(name, lambda plan: datasets.write(data, plan.folder(f"documents-{name}")), groups, read=read)

    def whole(name: str) -> tuple[Question, ...]:
        return tuple(bases.some(own[name], plan.limit, plan.seed))

    yield base(
        "Smart-TV", tv, group("its own", own["Smart-TV"], True),
        group("other devices' headings", _headings(plan, tv), False), group("appliance repairs", _repairs(plan), False),
        *strangers("SQuAD 2", "MTRAG", "sample manuals"), read=whole("Smart-TV"),
    )  # fmt: skip
    yield base(
        "SQuAD 2", squad, group("its own", own["SQuAD 2"], True), group("left open", impossible, False, 0.5),
        *strangers("Smart-TV", "sample manuals"),
    )  # fmt: skip
    yield base("MTRAG", mtrag, group("its own", own["MTRAG"], True), *strangers("Smart-TV", "SQuAD 2"))
    # Not SQuAD 2 here: both sets are of the same articles, so that one often answers the other.
    yield base("NoiseQA", noise, group("its own", own["NoiseQA"], True), *strangers("Smart-TV", "MTRAG"))
    yield Base(
        "sample manuals", lambda _: product.MANUALS,
        (group("its own", own["sample manuals"], True), group("left open", open_, False), *strangers("Smart-TV")),
        read=whole("sample manuals"),
    )  # fmt: skip
    for folder in sorted(path for path in product.MANUALS.iterdir() if path.is_dir()):
        mine = [one for one in own["sample manuals"] if all(name.startswith(folder.name) for name in one.relevant)]
        others = [one for one in own["sample manuals"] if one not in mine]
        yield Base(
            folder.name, lambda _, folder=folder: folder,  # type: ignore[misc]  # the default binds this folder
            (group("its own", mine, True), group("other devices", others, False)), worded=False,
        )  # fmt: skip


class _Section(msgspec.Struct, frozen=True):
    title: str


class _Guide(msgspec.Struct, frozen=True):
    title: str = msgspec.field(name="Title")


def _headings(plan: Plan, tv: DataSet) -> list[Question]:
    """Questions made from headings of other manuals that stand nowhere in this one's."""
    known = " ".join(text.splitlines()[0].casefold() for text in tv.documents.values() if text.strip())
    titles = [one.title.casefold() for one in datasets.reading.lines(plan, _OTHERS, _Section)]
    kept = [one for one in titles if len(one.split()) >= _SHORTEST_TITLE and one not in known]
    return [Question(f"heading-{number}", _ASKING[number % len(_ASKING)].format(title), "other")
            for number, title in enumerate(kept)]  # fmt: skip


def _repairs(plan: Plan) -> list[Question]:
    titles = [guide.title for guide in datasets.reading.lines(plan, _GUIDES, _Guide)]
    return [Question(f"repair-{number}", _REPAIRING.format(title.casefold()), "other")
            for number, title in enumerate(titles)]  # fmt: skip
