#!/usr/bin/env bash
# A small active-learning run on drawn images, on any machine: bash scripts/demo.sh [ARGS of tools/demo.py]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_python.sh"
exec "$PYTHON" tools/demo.py "$@"
