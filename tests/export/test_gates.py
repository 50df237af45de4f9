"""Gates: what passes, what does not, and that no type is without one."""

import math

import pytest

from export import gates
from export.gates import Limits
from export.gguf.types import TYPES

LIMIT = Limits(max_perplexity_increase=4.0, min_agreement=0.9)


def row(increase: float | None, agreement: float | None) -> dict[str, float | None]:
    return {"perplexity_increase": increase, "agreement": agreement}


@pytest.mark.parametrize(("increase", "agreement"), [(4.0, 0.9), (-3.0, 1.0), (0.0, None), (None, 0.95)])
def test_what_keeps_both_limits_passes(increase: float | None, agreement: float | None) -> None:
    assert gates.verdict(row(increase, agreement), LIMIT) is None


def test_a_refusal_names_the_figure_and_the_limit() -> None:
    assert gates.verdict(row(4.01, 0.95), LIMIT) == "perplexity +4.01 %, at most +4.00 % is allowed"
    assert gates.verdict(row(1.0, 0.899), LIMIT) == "agreement 0.899, at least 0.900 is needed"


def test_what_is_no_number_never_passes() -> None:
    assert gates.verdict(row(math.nan, 1.0), LIMIT)
    assert gates.verdict(row(0.0, math.nan), LIMIT)


def test_every_type_has_limits_and_fewer_bits_are_never_held_to_more() -> None:
    assert set(TYPES) | {"int8"} == set(gates.DEFAULTS)
    order = ["f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "q3_k_m", "q2_k"]
    rises = [gates.DEFAULTS[name].max_perplexity_increase for name in order]
    agreements = [gates.DEFAULTS[name].min_agreement for name in order]
    assert rises == sorted(rises)
    assert agreements == sorted(agreements, reverse=True)


def test_the_users_limits_stand_instead_of_the_defaults_and_zero_is_a_limit() -> None:
    usual = gates.DEFAULTS["q4_k_m"]
    assert gates.limits("q4_k_m", None, None) == usual
    assert gates.limits("q4_k_m", 0.0, None) == Limits(0.0, usual.min_agreement)
    assert gates.limits("q4_k_m", None, 0.0) == Limits(usual.max_perplexity_increase, 0.0)
