"""The types a GGUF file can be quantized to. Frozen facts of the pinned llama.cpp; nothing of how it is done."""

from dataclasses import dataclass

from export.errors import SourceError


@dataclass(frozen=True, slots=True)
class QuantType:
    """A mix of tensor types that llama.cpp knows by one name."""

    name: str
    """As on the command line, in lower case."""
    number: int
    """llama.cpp's `llama_ftype`."""
    bits: float
    """Bits a weight where every row divides into whole blocks: what the estimate of disk space uses."""

    @property
    def weighted(self) -> bool:
        """Whether an importance matrix can guide its rounding: llama.cpp ignores one for 8 bits and more."""
        return self.bits < 8


TYPES = {
    each.name: each
    for each in (
        QuantType("f16", 1, 16.0),
        QuantType("q8_0", 7, 8.5),
        QuantType("q6_k", 18, 6.6),
        QuantType("q5_k_m", 17, 5.8),
        QuantType("q5_k_s", 16, 5.6),
        QuantType("q5_1", 9, 6.1),
        QuantType("q5_0", 8, 5.7),
        QuantType("q4_k_m", 15, 5.1),
        QuantType("q4_k_s", 14, 4.8),
        QuantType("q4_1", 3, 5.2),
        QuantType("q4_0", 2, 4.8),
        QuantType("iq4_nl", 25, 4.8),
        QuantType("iq4_xs", 30, 4.6),
        QuantType("q3_k_m", 12, 4.1),
        QuantType("q2_k", 10, 3.4),
    )
}
DEFAULT = "f16,q8_0,q5_k_m,q4_k_m,q4_0,iq4_nl"

TENSOR_TYPES = {
    0: ("f32", 1, 4), 1: ("f16", 1, 2), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20), 6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24), 8: ("q8_0", 32, 34), 10: ("q2_k", 256, 84), 11: ("q3_k", 256, 110), 12: ("q4_k", 256, 144),
    13: ("q5_k", 256, 176), 14: ("q6_k", 256, 210), 16: ("iq2_xxs", 256, 66), 17: ("iq2_xs", 256, 74),
    18: ("iq3_xxs", 256, 98), 19: ("iq1_s", 256, 50), 20: ("iq4_nl", 32, 18), 21: ("iq3_s", 256, 110),
    22: ("iq2_s", 256, 82), 23: ("iq4_xs", 256, 136), 24: ("i8", 1, 1), 25: ("i16", 1, 2), 26: ("i32", 1, 4),
    27: ("i64", 1, 8), 28: ("f64", 1, 8), 29: ("iq1_m", 256, 56), 30: ("bf16", 1, 2), 34: ("tq1_0", 256, 54),
    35: ("tq2_0", 256, 66), 39: ("mxfp4", 32, 17),
}  # fmt: skip
"""Of a tensor: number in the file -> name, values a block, bytes a block."""
FLOATS = frozenset({"f32", "f16", "bf16", "f64"})


def parse(text: str) -> tuple[QuantType, ...]:
    """Return the types that a comma-separated list names, each once, in its order. Raises SourceError."""
    names = list(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in TYPES]
    if unknown or not names:
        raise SourceError(f"There is no type {unknown[0] if unknown else ''!r}; choose from {', '.join(TYPES)}.")
    return tuple(TYPES[name] for name in names)
