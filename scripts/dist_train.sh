#!/usr/bin/env bash
# Train with several processes on this machine: bash scripts/dist_train.sh CONFIG N [ARGS of tools/train.py]
# Resume a run: bash scripts/dist_train.sh N --resume RUN_DIR
#   N      number of processes: one for each GPU; on a machine without GPUs they share the CPU (gloo)
#   PORT   (environment) port that the processes meet at, 29500 unless given
# It runs in the repository: relative paths in ARGS start there.
set -euo pipefail

usage() {
    sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    if [[ -n ${1:-} ]]; then printf '\ndist_train.sh: %s\n' "$1" >&2; fi
    exit 2
}

[[ $# -ge 2 ]] || usage "CONFIG and N are needed."
config=()
if [[ ! $1 =~ ^[0-9]+$ || $2 != --resume* ]]; then # a run has its own
    config=("$1")
    shift
fi
processes="$1"
shift
[[ $processes =~ ^[1-9][0-9]*$ ]] || usage "N is '$processes', which is no number of processes."
called_from="$PWD"
source "$(dirname "${BASH_SOURCE[0]}")/_python.sh"
if [[ ${#config[@]} -gt 0 ]]; then
    if [[ ! -f $config && -f $called_from/$config ]]; then config=("$called_from/$config"); fi
    [[ -f $config ]] || usage "there is no config $config."
fi

device=()
gpus="$("$PYTHON" -c 'import torch; print(torch.cuda.device_count())')"
if [[ " $* " == *" --device cpu "* ]]; then gpus=0; fi
if ((gpus == 0)); then
    device=(--device cpu)
    # the processes share the cores; by default each would start a thread on every one
    cores="$("$PYTHON" -c 'import os; print(len(os.sched_getaffinity(0)))')"
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((cores > processes ? cores / processes : 1))}"
elif ((gpus < processes)); then
    usage "N is $processes, but torch sees $gpus GPUs here."
fi
exec "$PYTHON" -m mmdet_miaod.cli.torchrun --nnodes 1 --nproc-per-node "$processes" \
    --master-addr 127.0.0.1 --master-port "${PORT:-29500}" \
    tools/train.py ${config[@]+"${config[@]}"} --launcher pytorch ${device[@]+"${device[@]}"} "$@"
