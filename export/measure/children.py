"""Starts one measurement in a process of its own and brings back its answer.

Knows processes and JSON files; not what is measured. A process of its own has its own peak memory, and a library that
ends its process ends no report.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from export.environments import last_line
from export.errors import ConversionError, SourceError

ROOT = Path(__file__).parents[2]
MODULE = "export.measure.generator_child"
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads of llama.cpp otherwise spin at every barrier, and the slower the busier the machine is."""


def run(
    request: dict[str, Any], scratch: Path, *, debug: bool, module: str = MODULE, patient: bool = False
) -> dict[str, Any]:
    """Run `module` with the request and return its result object.

    A `patient` process, which measures no time, leaves the processor to others while its threads wait for each other.

    Raises SourceError with the sentence of an expected failure, ConversionError when the process ended otherwise.
    """
    asked, answered = scratch / "asked.json", scratch / "answered.json"
    asked.write_text(json.dumps(request), encoding="utf-8")
    answered.unlink(missing_ok=True)
    command = [sys.executable, "-m", module, os.fspath(asked.resolve()), os.fspath(answered.resolve())]
    out, err = (sys.stderr.fileno(), None) if debug else (subprocess.DEVNULL, subprocess.PIPE)
    variables = os.environ | PATIENT if patient else os.environ
    done = subprocess.run(command, cwd=ROOT, env=variables, stdout=out, stderr=err, text=True, check=False)
    if done.returncode or not answered.is_file():
        how = f"signal {-done.returncode}" if done.returncode < 0 else last_line(done.stderr or "")
        raise ConversionError(f"A measurement failed ({how}); run again with --debug to see all its output.")
    result: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    if reason := result.get("refused"):
        raise SourceError(str(reason))
    return result
