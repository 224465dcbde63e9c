#!/usr/bin/env bash
# Measure what each GPU option gains and changes on this machine's GPU: bash scripts/gpu_check.sh [ARGS of tools/gpu_check.py]
# Exits with 3 where there is no GPU; --device cpu --quick shows that the check itself works.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_python.sh"
exec "$PYTHON" tools/gpu_check.py "$@"
