#!/usr/bin/env bash
# Train in the background, on one GPU: bash scripts/train.sh GPU_ID [CONFIG] [ARGS of tools/train.py]
#   GPU_ID   number of the GPU, or cpu
#   CONFIG   configs/MIAOD.py unless given; --resume RUN_DIR needs none
# It runs in the repository: relative paths in ARGS start there.
# All output of the run goes to log_nohup/nohup_GPU_ID.log; an earlier log is kept under a numbered name.
set -euo pipefail

usage() {
    sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    if [[ -n ${1:-} ]]; then printf '\ntrain.sh: %s\n' "$1" >&2; fi
    exit 2
}

gpu="${1:-}"
case "$gpu" in
    '') usage "which GPU?" ;;
    -h | --help) usage ;;
    cpu) device=cpu port=30000 visible='' ;;
    *)
        [[ $gpu =~ ^(0|[1-9][0-9]{0,2})$ ]] || usage "GPU_ID is '$gpu', which is neither the number of a GPU nor cpu."
        ((port = 30000 + 100 * gpu, port < 65536)) || usage "GPU_ID is $gpu, but there is no port 30000 + 100 * $gpu."
        device=cuda:0 visible="$gpu"
        ;;
esac
shift

called_from="$PWD"
source "$(dirname "${BASH_SOURCE[0]}")/_python.sh"

config=(configs/MIAOD.py)
if [[ $# -gt 0 && $1 != -* ]]; then
    config=("$1")
    shift
    if [[ ! -f $config && -f $called_from/$config ]]; then config=("$called_from/$config"); fi
elif [[ " $*" == *" --resume"* ]]; then
    config=() # a run has its own
fi
[[ ${#config[@]} -eq 0 || -f $config ]] || usage "there is no config $config."
if [[ $device != cpu ]]; then
    count="$(env -u CUDA_VISIBLE_DEVICES "$PYTHON" -c 'import torch; print(torch.cuda.device_count())')"
    ((gpu < count)) || usage "GPU_ID is $gpu, but torch sees $count GPUs here (0 means the first)."
fi

mkdir -p log_nohup
log="log_nohup/nohup_$gpu.log"
if [[ -e $log || -L $log ]]; then
    number=1
    while [[ -e log_nohup/nohup_$gpu.$number.log ]]; do ((number += 1)); done
    mv "$log" "log_nohup/nohup_$gpu.$number.log"
    echo "The earlier log is now log_nohup/nohup_$gpu.$number.log."
fi

# A session of its own, so that neither this shell's end nor its Ctrl-C reaches the run, and one signal ends all its processes.
MASTER_PORT="$port" CUDA_VISIBLE_DEVICES="$visible" PYTHONUNBUFFERED=1 \
    "$PYTHON" -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' \
    nohup "$PYTHON" tools/train.py ${config[@]+"${config[@]}"} --device "$device" "$@" >"$log" 2>&1 </dev/null &
pid=$!
sleep 0.5
if ! kill -0 "$pid" 2>/dev/null && ! wait "$pid"; then
    cat "$log" >&2
    echo "train.sh: the run ended at once; $log is above." >&2
    exit 1
fi
echo "Training with ${config:-the config of the run} on $device (GPU_ID $gpu), process $pid, port $port."
echo "  follow it:  tail -f $ROOT/$log"
echo "  stop it:    kill -- -$pid"
