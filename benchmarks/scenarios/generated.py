"""Manuals of machines that do not exist, as many as are wanted, for measuring how things grow. Pure: numbers in, text
out.

Each manual is Markdown with headings, paragraphs, steps, a table and fault codes, and each of its sections becomes one
passage or two. The same seed and number give the same text, and no two sections are alike: every one has a fault code
and a part number of its own. The vocabulary is that of workshop manuals, but narrower: thousands of sections share a
few hundred words, which makes near neighbours nearer than in real manuals. Nothing here says whether an answer is
right.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

SECTIONS = 12
"""Of each manual."""
PASSAGES = 18.6
"""Of each manual with the default settings, on average: a section with steps becomes two passages."""

_MACHINES = (
    "band sealer", "belt dryer", "block chiller", "bottle washer", "cargo hoist", "circulating pump", "compactor",
    "conveyor", "dosing station", "dust extractor", "feed mixer", "floor scrubber", "gate drive", "grain elevator",
    "heat exchanger", "ice maker", "label printer", "milling head", "pallet lift", "pellet boiler", "screw compressor",
    "sluice valve", "spray booth", "steam generator", "ticket barrier", "tyre changer", "vacuum lifter",
    "water softener",
)  # fmt: skip
_NAMES = (
    "Alder", "Brisk", "Cairn", "Dorne", "Elva", "Fjell", "Garve", "Hollin", "Isker", "Jarn", "Kestle", "Lomar",
    "Merrow", "Norden", "Ostra", "Pell", "Quern", "Rask", "Solva", "Tarn", "Ulden", "Varde", "Wick", "Yarrow", "Zell",
)  # fmt: skip
_PARTS = (
    "bearing housing", "bleed screw", "brush holder", "cable gland", "check valve", "clamping ring", "contactor",
    "coupling hub", "door switch", "drain cock", "drive belt", "encoder disc", "fan shroud", "filter cartridge",
    "flow sensor", "gasket", "guide rail", "hose clip", "impeller", "inlet strainer", "level probe", "limit switch",
    "mounting flange", "nozzle plate", "overflow pipe", "pinion shaft", "pressure switch", "relay board", "sealing lip",
    "shaft seal", "sight glass", "spindle nut", "terminal block", "thermostat", "toothed wheel", "wear plate",
)  # fmt: skip
_PLACES = (
    "behind the lower service panel", "below the control cabinet", "between the motor and the gearbox",
    "at the end of the discharge line", "inside the left side frame", "next to the main switch", "on the drive side",
    "on top of the collecting tank", "under the inspection cover", "at the rear of the base frame",
)  # fmt: skip
_SIGNS = (
    "a dull knocking at low speed", "a film of oil around the joint", "a reading that drifts within minutes",
    "a smell of warm rubber", "a start that needs several attempts", "a whistling noise under load",
    "frost on the return pipe", "green deposits on the contacts", "water beneath the frame after a night at rest",
    "vibration that grows with temperature",
)  # fmt: skip
_CAUSES = (
    "dirt has settled on the seat", "the clearance has grown beyond its limit",
    "the supply voltage drops while starting", "the spring has lost its tension",
    "the wiring was swapped after a repair", "the lubricant has dried out",
    "air is trapped in the upper loop", "the set value was changed by mistake", "the fastening has worked loose",
    "lime narrows the passage",
)  # fmt: skip
_TOOLS = ("a torque wrench", "a feeler gauge", "a soft mallet", "a hex key of 6 mm", "a clean lint-free cloth",
          "a multimeter", "a bearing puller", "a dial gauge")  # fmt: skip
_UNITS = (("Nm", 4, 180), ("bar", 1, 40), ("mm", 1, 90), ("°C", 5, 140), ("V", 12, 480), ("l/min", 2, 300),
          ("kΩ", 1, 60), ("s", 2, 120))  # fmt: skip
_INTERVALS = ("every 250 hours of operation", "once a month", "at the start of each season", "every 2,000 cycles",
              "after each change of product", "twice a year")  # fmt: skip
_TOPICS = ("Adjusting", "Checking", "Cleaning", "Fitting", "Lubricating", "Removing", "Replacing", "Setting", "Testing")


@dataclass(frozen=True, slots=True)
class Section:
    """What one section says; `number` is its place among all sections of all manuals."""

    number: int
    model: str
    machine: str
    part: str
    topic: str
    value: str
    code: str

    @property
    def question(self) -> str:
        """A question that this section answers, in other words than its own."""
        wordings = (
            f"What is the right value when {self.topic.lower()} the {self.part} of a {self.model}?",
            f"{self.model} shows {self.code}",
            f"which limit holds for the {self.part} on the {self.model} {self.machine}",
        )
        return wordings[self.number % len(wordings)]


def section(number: int, seed: int) -> Section:
    """The section with this number."""
    manual = random.Random(f"{seed}/manual/{number // SECTIONS}")
    machine = manual.choice(_MACHINES)
    # The manual's own number is part of the model's name: machines of different manuals are different machines.
    model = f"{manual.choice(_NAMES)} {100 + number // SECTIONS}-{manual.choice('ABCDX')}"
    chance = random.Random(f"{seed}/section/{number}")
    unit, least, most = chance.choice(_UNITS)
    value = f"{chance.randint(least * 10, most * 10) / 10:g} {unit}"
    code = f"{chance.choice('EFKP')}-{number:05d}"
    return Section(number, model, machine, chance.choice(_PARTS), chance.choice(_TOPICS), value, code)


def manual(number: int, seed: int) -> str:
    """The Markdown of the manual with this number: sections `number * SECTIONS` and following."""
    sections = [section(number * SECTIONS + place, seed) for place in range(SECTIONS)]
    first = sections[0]
    pages = [f"# {first.model} {first.machine}: service manual\n"]
    return "\n".join(pages + [_page(item, place, seed) for place, item in enumerate(sections, start=1)])


def _page(item: Section, place: int, seed: int) -> str:
    chance = random.Random(f"{seed}/page/{item.number}")
    body = (_steps, _prose, _table)[item.number % 3](item, chance)
    return f"## {place} {item.topic} the {item.part}\n\n{_opening(item, chance)}\n\n{body}\n"


def _opening(item: Section, chance: random.Random) -> str:
    return (
        f"The {item.part} of the {item.model} sits {chance.choice(_PLACES)} and carries the part number "
        f"{chance.choice('HLRT')}{item.number:06d}. Have it looked at {chance.choice(_INTERVALS)}, and at once when "
        f"there is {chance.choice(_SIGNS)}. The permitted value is {item.value}; more than {chance.randint(3, 15)} % "
        f"beside it brings up {item.code} on the display."
    )


def _steps(item: Section, chance: random.Random) -> str:
    minutes, turns = chance.randint(2, 30), chance.randint(1, 9)
    return "\n".join(
        (
            f"1. Switch the {item.machine} off, lock the main switch and wait {minutes} minutes.",
            f"2. Take {chance.choice(_TOOLS)} and loosen the {chance.choice(_PARTS)} by {turns} turns.",
            f"3. Bring the {item.part} to {item.value} and note the result in the log of the {item.model}.",
            f"4. Start it without load. If there is still {chance.choice(_SIGNS)}, {chance.choice(_CAUSES)}.",
        )
    )


def _prose(item: Section, chance: random.Random) -> str:
    first, second = chance.sample(_CAUSES, 2)
    return (
        f"Most often {first}; less often {second}. With {chance.choice(_TOOLS)} either is found within "
        f"{chance.randint(5, 45)} minutes. On machines built before {chance.randint(1998, 2021)} the "
        f"{chance.choice(_PARTS)} has to come out first. Do not run the {item.machine} while {item.code} is shown: the "
        f"{chance.choice(_PARTS)} would be damaged after some {chance.randint(10, 90)} hours."
    )


def _table(item: Section, chance: random.Random) -> str:
    parts, rows = chance.sample(_PARTS, 4), []
    for part in parts:
        unit, least, most = chance.choice(_UNITS)
        rows.append(f"| {part} | {chance.randint(least, most)} {unit} | {chance.choice(_INTERVALS)} |")
    return "\n".join(
        ("| Part | Value | Interval |", "|---|---|---|", *rows, f"| {item.part} | {item.value} | {item.code} |")
    )
