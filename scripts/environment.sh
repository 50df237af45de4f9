#!/usr/bin/env bash
# Makes the isolated environment in $1: this checkout, editable, with what the tests need. llama.cpp and hnswlib are
# compiled here, once (about five minutes on two cores); pip keeps what it built for the next time.
set -euo pipefail
venv=$1
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "Fieldmate needs Python 3.11 or newer; this is $("$python" --version). Set PYTHON=… and run make again." >&2; exit 3; }
command -v c++ >/dev/null ||
    { echo "A C/C++ compiler is missing; install one (Debian: apt install build-essential) and run make again." >&2; exit 3; }
"$python" -c 'import ensurepip, sysconfig, os, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    { echo "Python's venv or headers are missing; install them (Debian: apt install python3-venv python3-dev) and run make again." >&2; exit 3; }

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip

# A silent five minutes look like a hang: say what runs, with the time it has taken, until it is done.
echo "Installing Fieldmate and its libraries into $venv (llama.cpp is compiled the first time: about 5 minutes on 2 cores) …"
log="$venv/install.log"
"$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off -e ".[dev]" >"$log" 2>&1 &
pip=$!
trap 'kill "$pip" 2>/dev/null || true' INT TERM
started=$SECONDS
while kill -0 "$pip" 2>/dev/null; do
    sleep 1
    elapsed=$((SECONDS - started))
    [ $((elapsed % 15)) -ne 0 ] || [ "$elapsed" -eq 0 ] ||
        echo "  ${elapsed} s: $(grep -E 'Collecting|Building|Installing' "$log" | tail -n 1 | cut -c1-90)"
done
wait "$pip" || { tail -n 25 "$log" >&2; echo "The installation failed; the lines above and $log say why. Mend it and run make again." >&2; exit 3; }
touch "$venv/.ready"
echo "Environment ready after $((SECONDS - started)) s."
