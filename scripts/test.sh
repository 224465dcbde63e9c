#!/usr/bin/env bash
# Lint, test and build the documentation: bash scripts/test.sh [--all] [PYTEST ARGS]
# --all adds the tests marked slow. Other arguments go to pytest: bash scripts/test.sh tests/active -k query
# In a fresh clone it has setup_env.sh make the environment first.
set -euo pipefail
here="$(dirname "${BASH_SOURCE[0]}")"
[[ -n ${MIAOD_RUN_PYTHON:-}${MIAOD_VENV:-} || -e $here/../.venv ]] || bash "$here/setup_env.sh"
source "$here/_python.sh"

arguments=()
for argument in "$@"; do
    if [[ $argument == --all ]]; then
        arguments+=(-m "slow or not slow")
    else
        arguments+=("$argument")
    fi
done
# Two processes: more would each import the whole stack; and one thread in each, since the tensors of the tests are tiny.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" MPLBACKEND=Agg
status=0
"$PYTHON" -m ruff check . || status=$?
"$PYTHON" -m pytest -n "${MIAOD_TEST_PROCESSES:-2}" --dist loadfile ${arguments[@]+"${arguments[@]}"} || status=$?
# The documentation's warnings are errors too; seconds, once what builds it is installed.
if [[ $# -eq 0 || $* == --all ]]; then bash scripts/docs.sh || status=$?; fi
exit "$status"
