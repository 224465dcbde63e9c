#!/usr/bin/env bash
# Make the Python environment of this project; if it exists already, there is nothing to do.
#
#   bash scripts/setup_env.sh                  (--print-python: make nothing, print the path of the environment's python)
#
# Settings, all optional:
#   MIAOD_VENV     where the environment goes                    (default: .venv in this repository)
#   MIAOD_PYTHON   the Python, 3.10 to 3.14, to make it with     (default: the first one found)
#   MIAOD_CACHE    where the compiled mmcv-full wheel is kept    (default: ${XDG_CACHE_HOME:-~/.cache}/mmdet_miaod)
#
# An active environment (venv, conda, or the system's) that has the whole stack is used as it is.
# An interrupted set-up is resumed by the same command; two set-ups at the same time take turns. An environment that was
# made for another copy of this repository is left as it is.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${MIAOD_VENV:-$ROOT/.venv}"
CACHE="${MIAOD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mmdet_miaod}"
[[ $VENV == /* ]] || VENV="$PWD/$VENV"
[[ $CACHE == /* ]] || CACHE="$PWD/$CACHE"
PYTHON="$VENV/bin/python"
STAMP="$VENV/.mmdet_miaod.ready"
LOG="$VENV/setup.log"
REQUIREMENTS=("$ROOT"/requirements/{build,mminstall,runtime,label,tests}.txt)
STEPS=6
GIB_ENVIRONMENT=8  # what the environment takes (6), and some air
GIB_DOWNLOADS=4    # what pip keeps in the temporary folder while it installs torch

export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_REQUIRE_VIRTUALENV=0
unset PIP_TARGET PIP_PREFIX PIP_USER PYTHONPATH PYTHONHOME

fail() {
    printf '\nsetup_env.sh: %s\n' "$1" >&2
    exit 1
}

check_environment() { # check_environment PYTHON [ARGS]: prints what is wrong there
    "$1" -I "$ROOT/mmdet_miaod/environment.py" "${@:2}"
}

expected_stamp() { # a change of any of these asks for another set-up
    printf '%s\n' "$ROOT"
    { cat "${REQUIREMENTS[@]}" "$ROOT/setup.py" && grep '^RECIPE' "$ROOT/scripts/build_mmcv.py"; } | cksum
}

fits() { # whether the environment is whole and has the versions that are asked for; prints what is wrong
    if [[ ! -x $PYTHON || "$(wc -l <"$STAMP")" -lt 2 ]]; then
        echo "there is no environment, or its set-up was interrupted"
        return 1
    fi 2>/dev/null
    check_environment "$PYTHON" --requirements "${REQUIREMENTS[@]}" 2>&1
}

is_ready() {
    [[ -f $STAMP && "$(cat "$STAMP")" == "$(expected_stamp)" ]] && fits >/dev/null
}

owner() { # owner VENV: the other copy of this repository that the environment was made for, if there is one
    local folder=''
    { read -r folder <"$1/.mmdet_miaod.ready"; } 2>/dev/null || true
    if [[ -f $folder/scripts/setup_env.sh && ! $folder -ef $ROOT ]]; then printf '%s' "$folder"; fi
}

leave_anothers() {
    local folder
    folder="$(owner "$VENV")"
    [[ -z $folder ]] ||
        fail "the environment in $VENV belongs to $folder, and stays as it is.
MIAOD_VENV names another place for an environment of this folder; to hand that one over, delete $STAMP first."
}

use_active_environment() {
    local active="${VIRTUAL_ENV:-${CONDA_PREFIX:-}}" python note
    [[ -z ${MIAOD_VENV:-} ]] || return 0
    python="$(command -v "${active:+$active/bin/}python" || command -v python3)" || return 0
    [[ ! $python -ef $PYTHON || -z $active ]] || return 0
    check_environment "$python" --any-version --requirements "$ROOT"/requirements/{runtime,tests}.txt >/dev/null 2>&1 || return 0
    note="$CACHE/active-$(printf '%s' "$python" | cksum | tr -d ' ').ready" # importing takes seconds: once will do
    if [[ ! -f $note || "$(cat "$note")" != "$(expected_stamp)" ]]; then
        check_environment "$python" --import >/dev/null 2>&1 || return 0
        { mkdir -p "$CACHE" && expected_stamp >"$note"; } 2>/dev/null || true
    fi
    if [[ -n ${PRINT_PYTHON:-} ]]; then
        printf '%s\n' "$python"
    else
        echo "Using the active environment of $python as it is."
    fi
    exit
}

print_python() {
    local problems folder
    folder="$(owner "$VENV")"
    if problems="$(fits)"; then
        [[ -z $folder ]] || echo "setup_env.sh: $VENV belongs to $folder; it is used as it is, with the code of $ROOT." >&2
        printf '%s\n' "$PYTHON"
        exit
    fi
    fail "$VENV: ${problems//$'\n'/; }. Make it with: bash scripts/setup_env.sh"
}

find_python() { # sets BASE_PYTHON
    local candidate found reason probe='import sys
if not (3, 10) <= sys.version_info[:2] <= (3, 14): sys.exit("is Python %d.%d" % sys.version_info[:2])
try: import ensurepip, venv
except ImportError as error: sys.exit("has no module " + error.name)'
    set -- python3.{11,12,13,10,14} python3 python "$HOME"/.pyenv/versions/3.1[0-4].*/bin/python
    if [[ -n ${MIAOD_PYTHON:-} ]]; then set -- "$MIAOD_PYTHON"; fi
    for candidate in "$@"; do
        BASE_PYTHON="$(command -v "$candidate")" || continue
        if reason="$("$BASE_PYTHON" -c "$probe" 2>&1)"; then return; fi
        found+="${found:+, }$BASE_PYTHON ${reason##*$'\n'}"
    done
    fail "no Python 3.10 to 3.14 with the modules venv and ensurepip was found${MIAOD_PYTHON:+ as MIAOD_PYTHON=$MIAOD_PYTHON}${found:+ ($found)}.
Install one and run this again:
  Debian 13 (Python 3.13), Ubuntu 24.04 (3.12) and 26.04 (3.14):  apt-get install python3 python3-venv python3-dev g++
  Fedora:  dnf install python3.13 python3.13-devel gcc-c++
  conda:   conda create -n python313 python=3.13, then conda activate python313
MIAOD_PYTHON=/path/to/python names one that is not on the PATH."
}

check_compiler() { # that torch's extensions can be compiled: a C++17 compiler and Python's header files
    local headers compiler="${CXX:-c++}" program='#include <Python.h>
#include <optional>
int main() { return std::optional<int>{0}.value(); }'
    headers="$("$BASE_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')"
    # $CXX may carry arguments ("ccache g++"), hence no quotes
    command -v ${compiler%% *} >/dev/null ||
        fail "mmcv-full has to be compiled, but there is no C++ compiler ('${compiler%% *}') on the PATH. Install one and run this again:
  Debian, Ubuntu:  apt-get install g++
  Fedora:          dnf install gcc-c++
  conda:           conda install -c conda-forge cxx-compiler"
    [[ -f $headers/Python.h ]] ||
        fail "mmcv-full has to be compiled, but Python's header files are missing ($headers/Python.h). Install them and run this again:
  Debian, Ubuntu:  apt-get install ${headers##*/}-dev
  Fedora:          dnf install ${headers##*/}-devel"
    $compiler -std=c++17 -fsyntax-only -I"$headers" -x c++ - <<<"$program" 2>/dev/null ||
        fail "mmcv-full has to be compiled, but '$compiler' does not compile a small C++17 program; GCC 9 or Clang 7 is needed at least.
CXX=/path/to/compiler names another one."
}

check_disk() { # check_disk FOLDER GIB WHAT
    local folder="$1" free
    while [[ ! -d $folder ]]; do folder="$(dirname "$folder")"; done
    [[ -w $folder ]] || fail "$folder cannot be written to, but $3 goes there."
    free="$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1048576) }')"
    ((free >= $2)) || fail "$3 needs $2 GiB, but the disk of $folder has only $free GiB left. $4"
}

check_machine() {
    find_python
    echo "      $("$BASE_PYTHON" --version), $BASE_PYTHON"
    [[ -x $PYTHON ]] && "$PYTHON" -c 'import torch' 2>/dev/null || {
        check_disk "$VENV" "$GIB_ENVIRONMENT" "the environment" "MIAOD_VENV names another place for it."
        check_disk "${TMPDIR:-/tmp}" "$GIB_DOWNLOADS" "pip's temporary folder" "TMPDIR names another place for it."
    }
    check_disk "$CACHE" 1 "the cache of mmcv-full" "MIAOD_CACHE names another place for it."
    "$BASE_PYTHON" "$ROOT/scripts/build_mmcv.py" --cached "$CACHE" >/dev/null || check_compiler
}

lock() { # until this script and all that it started have ended; a lock of Python's, since flock is not everywhere
    if [[ -d $VENV && ! -f $VENV/pyvenv.cfg && ! -f $VENV/.lock && -n "$(ls -A "$VENV")" ]]; then
        fail "$VENV is neither empty nor a Python environment. MIAOD_VENV names another place for the environment."
    fi
    mkdir -p "$VENV"
    exec 9>>"$VENV/.lock"
    "$BASE_PYTHON" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null && return
    echo "      Another set-up is at work in $VENV; waiting for it."
    "$BASE_PYTHON" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

step() { # step NUMBER WHAT COMMAND...: run it, log what it prints
    local start=$SECONDS
    printf '[%d/%d] %s\n' "$1" "$STEPS" "$2"
    printf '\n== %s: %s\n' "$(date '+%F %T')" "$2" >>"$LOG"
    if ! "${@:3}" >>"$LOG" 2>&1; then
        tail -n 25 "$LOG" | cut -c -300 >&2
        fail "step $1 failed (the end of $LOG is above). Run this again to resume."
    fi
    printf '      %d s\n' "$((SECONDS - start))"
}

make_venv() {
    local site
    printf '%s\n' "$ROOT" >"$STAMP" # whose it is; what else it says comes at the end
    if ! "$PYTHON" -m pip --version; then
        "$BASE_PYTHON" -m venv "$VENV" || return
        "$PYTHON" -m pip --version || return
    fi
    # What a killed pip leaves half installed has metadata without a list of files; pip would take it for installed.
    for site in "$VENV"/lib/python3.*/site-packages/*.dist-info; do
        [[ ! -d $site || -f $site/RECORD ]] || rm -r "$site"
    done
}

pip_install() { "$PYTHON" -m pip install --progress-bar off "$@"; }

has_mmcv() { # mmdet may not be there yet
    [[ "$(check_environment "$PYTHON")" != *mmcv* ]]
}

install_mmcv() {
    local wheel
    "$PYTHON" "$ROOT/scripts/build_mmcv.py" "$CACHE" || return
    wheel="$("$PYTHON" "$ROOT/scripts/build_mmcv.py" --cached "$CACHE")" || return
    if cmp "${wheel%.whl}.sha256" "$VENV/.mmcv_full.sha256" && has_mmcv; then return; fi
    pip_install --no-deps --force-reinstall "$wheel" && cp "${wheel%.whl}.sha256" "$VENV/.mmcv_full.sha256"
}

install_project() { # in place: what is edited here is what runs
    pip_install --no-deps --no-build-isolation --editable "$ROOT" &&
        check_environment "$PYTHON" --import --requirements "${REQUIREMENTS[@]}" &&
        expected_stamp >"$STAMP.new" && mv "$STAMP.new" "$STAMP"
}

set_up() {
    local names
    leave_anothers
    printf '[1/%d] Python, compiler, disk\n' "$STEPS"
    check_machine
    lock
    leave_anothers
    if is_ready; then return; fi # made by the set-up that was waited for
    step 2 "environment in $VENV" make_venv
    names="$(sed -n 's/^\(torch[a-z]*\)==\([^ ;]*\).*/\1 \2/p' "$ROOT/requirements/build.txt" | paste -sd, | sed 's/,/, /g')"
    step 3 "$names (about 2 minutes, 5 GiB)" pip_install -r "$ROOT/requirements/build.txt"
    step 4 "mmcv-full (compiled once, about 4 minutes on 2 cores; kept in $CACHE)" install_mmcv
    step 5 "MMDetection and the rest" pip_install "${REQUIREMENTS[@]/#/-r}"
    step 6 "this project, and whether everything can be imported" install_project
}

case "${1:-}" in
    '') ;;
    --print-python) PRINT_PYTHON=1 ;;
    -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
    *) fail "unknown argument '$1'; try --help." ;;
esac
use_active_environment
if [[ -n ${PRINT_PYTHON:-} ]]; then print_python; fi
if is_ready; then
    echo "The environment in $VENV is ready. Activate it with: source $VENV/bin/activate"
    exit
fi
set_up
echo "Ready after $SECONDS s. Activate the environment with: source $VENV/bin/activate"
