"""Compiles a toolchain's .in file into its pinned .txt file; a maintainer's script.

Knows uv's command line and nothing of what the packages are for. It leaves torch's CUDA packages out (cuda.excludes),
and adds the hashes of torch-cpu.txt, so that the compiled file also admits a CPU build from outside the index.

    python export/toolchains/compile.py embedder
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def with_cpu_build(text: str, cpu_line: str) -> str:
    """Return the compiled requirements with the CPU build's hashes put first below torch's requirement."""
    version = cpu_line.split("+", 1)[0]
    hashes = re.findall(r"--hash=\S+", cpu_line)
    head = f"{version} \\\n"
    return text.replace(head, head + "".join(f"    {value} \\\n" for value in hashes))


def main(name: str) -> None:
    """Write NAME.txt from NAME.in; needs `uv` on the path."""
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--quiet", "--excludes", "cuda.excludes", "--output-file", f"{name}.txt", f"{name}.in"]
    command += ["--custom-compile-command", f"python export/toolchains/compile.py {name}"]
    subprocess.run(command, cwd=HERE, check=True)
    cpu_line = (HERE / "torch-cpu.txt").read_text(encoding="utf-8").strip().splitlines()[-1]
    target = HERE / f"{name}.txt"
    target.write_text(with_cpu_build(target.read_text(encoding="utf-8"), cpu_line), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
