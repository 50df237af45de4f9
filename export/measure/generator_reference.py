"""What the source's own weights say about the text: float32, in transformers, in the toolchain that converted them.

Knows the worker and the plan. It is the golden number that llama.cpp's float16 file has to agree with.
"""

import os
from pathlib import Path
from typing import Any

from export import environments
from export.measure.generator import Plan
from export.measure.generator_windows import perplexity
from export.running import run_worker


def read(plan: Plan, weights: Path) -> dict[str, Any]:
    """Write the reference's distributions and return its perplexity, its surprise by window, and its tokenizer's word.

    `same_tokens` says whether the folder's tokenizer splits the whole text as llama.cpp does; None where it has none.
    """
    plan.progress(f"Reading {plan.text_name} with the source's float32 weights in transformers …")
    request = {
        "source": os.fspath(weights),
        "windows": os.fspath(plan.windows_file),
        "distributions": os.fspath(plan.distributions),
        "text": os.fspath(plan.text),
        "threads": plan.threads,
    }
    python = environments.ensure(environments.GGUF, plan.progress)
    result = run_worker(python, "generator_reference.py", request, plan.scratch, debug=plan.debug)
    return {
        "reference": "float32 weights in transformers",
        "reference_nll": result["nll"],
        "reference_perplexity": perplexity(result["nll"], plan.scored),
        "reference_tools": result["tools"],
        "same_tokens": result["same_tokens"],
    }
