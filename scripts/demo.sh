#!/usr/bin/env bash
# The demo: pull the models, add manuals, ask. Everything it makes lies in .demo and models/artifacts.
set -euo pipefail
fieldmate=${FIELDMATE:-fieldmate}
docs=${DOCS:-samples/manuals}
export FIELDMATE_HOME=${FIELDMATE_HOME:-.demo/$(printf '%s' "$docs" | cksum | cut -d' ' -f1)}
export FIELDMATE_MODELS_DIR=${FIELDMATE_MODELS_DIR:-models/artifacts}

heading() { printf '\n\033[1m%s\033[0m\n' "$1"; }

heading "Models"
"$fieldmate" models pull

heading "Adding $docs"
"$fieldmate" add "$docs"

ask() {
    heading "? $1"
    "$fieldmate" ask "$1"
}

if [ -n "${Q:-}" ]; then
    ask "$Q"
elif [ "$docs" = samples/manuals ]; then
    ask "What does error E05 of the Aquila pump mean and what do I do?"
    ask "How much descaler do I need for the coffee kiosk?"
    ask "Which torque for the terminals of the heat-pump controller?"
    ask "How do I connect the pump to a mobile phone app?"
else
    echo "Ask with: make demo DOCS=$docs Q=\"your question\""
fi
