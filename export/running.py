"""Starts a worker script inside a toolchain's environment and brings back its answer.

Knows processes and JSON files; knows neither what a worker does nor what its answer means.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from export.environments import last_line
from export.errors import ConversionError

WORKERS = Path(__file__).parent / "workers"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1"}
"""Set before the worker's interpreter starts: the libraries read them while they are imported."""


def run_worker(python: Path, script: str, request: dict[str, Any], scratch: Path, *, debug: bool) -> dict[str, Any]:
    """Run `script` with `request` and return its result object.

    The worker's own output is kept back unless `debug`. Raises ConversionError when it fails or says nothing.
    """
    asked, answered = scratch / "request.json", scratch / "result.json"
    asked.write_text(json.dumps(request), encoding="utf-8")
    command = [os.fspath(part) for part in (python, "-I", "-s", WORKERS / script, asked, answered)]
    # Standard output belongs to the command's own answer, so what the libraries print goes to standard error.
    out, err = (sys.stderr.fileno(), None) if debug else (subprocess.PIPE, subprocess.PIPE)
    done = subprocess.run(
        command, env=os.environ | OFFLINE, cwd=scratch, stdout=out, stderr=err, text=True, check=False
    )
    if done.returncode or not answered.is_file():
        raise ConversionError(
            f"The conversion failed ({last_line(done.stderr or '')}); run again with --debug to see all its output."
        )
    result: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    return result
