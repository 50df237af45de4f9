"""Compiles a peer's .in file into its pinned, hashed .txt file; a maintainer's script.

Knows uv's command line and nothing of what the packages are for. torch's CUDA packages are left out, and the hash of
its CPU build is added, which pip prefers where it finds one: both lists are the exporter's.

    python benchmarks/peers/compile.py langchain
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TOOLCHAINS = HERE.parent.parent / "export" / "toolchains"


def with_cpu_build(text: str, cpu_line: str) -> str:
    """The compiled requirements with the CPU build's hashes put first below torch's requirement."""
    version = cpu_line.partition("+")[0]
    hashes = "".join(f"    {found} \\\n" for found in re.findall(r"--hash=\S+", cpu_line))
    return text.replace(f"{version} \\\n", f"{version} \\\n{hashes}")


def main(name: str) -> None:
    """Write NAME.txt from NAME.in; needs `uv` on the path."""
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
    command += ["--excludes", str(TOOLCHAINS / "cuda.excludes"), "--output-file", f"{name}.txt", f"{name}.in"]
    command += ["--custom-compile-command", f"python benchmarks/peers/compile.py {name}"]
    subprocess.run(command, cwd=HERE, check=True)
    cpu_line = (TOOLCHAINS / "torch-cpu.txt").read_text("utf-8").strip().splitlines()[-1]
    target = HERE / f"{name}.txt"
    target.write_text(with_cpu_build(target.read_text("utf-8"), cpu_line), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
