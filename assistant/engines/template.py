"""Chat templates, taken apart so that prompt text can never become a control token.

A model file carries a Jinja template that turns messages into one string. Rendering documents through it would let a
document that contains `<|im_end|>` end the user's message. Instead the template is rendered once with sentinels, split
at them, and only the pieces that the template itself wrote are tokenized with control tokens allowed.

Knows Jinja's sandbox, no model library.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors import ModelDamaged

_SYSTEM = "\x02system\x03"
_USER = "\x02user\x03"


@dataclass(frozen=True, slots=True)
class TemplateParts:
    """What a model's template writes around the two texts that it is given."""

    before_instructions: str
    before_content: str
    """Between the instructions and the passages."""
    before_answer: str
    """Behind the question; the model continues here."""
    stops: tuple[str, ...] = ()
    """Texts at which a completion ends, for models that have no token for it."""


PLAIN = TemplateParts("", "\n\n", "\nAnswer:", stops=("\nQuestion:", "\n\n\n"))
"""For base models, which know no roles: they continue a document of questions and answers."""


def take_apart(template: str, bos: str, eos: str) -> TemplateParts:
    """Split the chat template of a model file at the places of its system and its user message.

    Raises:
        ModelDamaged: the template is not valid, or does not show both messages.
    """
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}]
    try:
        rendered = environment.from_string(template).render(
            messages=messages, bos_token=bos, eos_token=eos, add_generation_prompt=True, enable_thinking=False
        )
        before, rest = rendered.split(_SYSTEM)
        between, after = rest.split(_USER)
    except Exception as exc:  # a template is a small program of somebody else's and may raise anything
        raise ModelDamaged(
            f"The model's chat template cannot be used ({exc}); choose another generator with --generator."
        ) from exc
    return TemplateParts(before, between, after)
