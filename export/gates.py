"""How far a quantized generator may be from its reference. Pure: figures in, a clause that says what is wrong out.

The defaults stop what is broken or not worth its bytes: they lie above what sound exports of small models measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """What an artifact must keep to be published."""

    max_perplexity_increase: float
    """Per cent over the float reference, on the same tokens."""
    min_agreement: float
    """Share of positions, 0 to 1, at which its likeliest next token is the reference's."""


CONVERSION_TOLERANCE = 0.5
"""Per cent. What the float16 file on llama.cpp may differ in perplexity from the source's float32 weights in
transformers, in either direction: more means that the conversion is wrong, whatever the quantized types show."""

DEFAULTS = {
    "f16": Limits(CONVERSION_TOLERANCE, 0.98),
    "q8_0": Limits(1.0, 0.95),
    "q6_k": Limits(2.0, 0.93),
    "q5_k_m": Limits(4.0, 0.90),
    "q5_k_s": Limits(4.0, 0.90),
    "q5_1": Limits(4.0, 0.90),
    "q5_0": Limits(5.0, 0.88),
    "q4_k_m": Limits(8.0, 0.85),
    "q4_k_s": Limits(10.0, 0.83),
    "q4_1": Limits(12.0, 0.80),
    "q4_0": Limits(15.0, 0.80),
    "iq4_nl": Limits(12.0, 0.80),
    "iq4_xs": Limits(12.0, 0.80),
    "q3_k_m": Limits(25.0, 0.75),
    "q2_k": Limits(60.0, 0.60),
    "int8": Limits(2.0, 0.90),
}
"""By type; `int8` is TFLite's, whose activations are rounded too: SmolLM2-135M kept 0.916 of its likeliest tokens, with
+1.8 % of perplexity, where q8_0, which rounds weights alone, kept 0.963 (benchmarks/LOG.md)."""


def limits(kind: str, max_perplexity_increase: float | None, min_agreement: float | None) -> Limits:
    """Return the limits of a type, with what the user gave instead of the defaults."""
    usual = DEFAULTS[kind]
    increase = usual.max_perplexity_increase if max_perplexity_increase is None else max_perplexity_increase
    return Limits(increase, usual.min_agreement if min_agreement is None else min_agreement)


def verdict(row: Mapping[str, Any], limit: Limits) -> str | None:
    """Return why a measured row may not be published, or None. A figure that is no number never passes."""
    increase, agreement = row.get("perplexity_increase"), row.get("agreement")
    if increase is not None and not increase <= limit.max_perplexity_increase:
        return f"perplexity {increase:+.2f} %, at most {limit.max_perplexity_increase:+.2f} % is allowed"
    if agreement is not None and not agreement >= limit.min_agreement:
        return f"agreement {agreement:.3f}, at least {limit.min_agreement:.3f} is needed"
    return None
