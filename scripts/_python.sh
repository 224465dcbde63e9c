# Sourced by the scripts here: sets ROOT (the repository), goes there, and sets PYTHON (the environment's python;
# setup_env.sh makes the environment, nothing else does). MIAOD_RUN_PYTHON names a python to take without looking at it.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON="${MIAOD_RUN_PYTHON:-$(bash "$ROOT/scripts/setup_env.sh" --print-python)}"
cd "$ROOT"
# an environment that is used as it is need not have this project installed
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
