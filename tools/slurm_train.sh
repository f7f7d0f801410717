#!/usr/bin/env bash
# Train under Slurm, on one or several nodes:
#   GPUS=16 GPUS_PER_NODE=8 CPUS_PER_TASK=8 tools/slurm_train.sh PARTITION JOB CONFIG [options]
# SRUN_ARGS is passed to srun. Ask Slurm for a signal before the time limit and the run saves and
# can be resumed:  SRUN_ARGS="--signal=TERM@120 --requeue"  with  --resume  among the options.
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2,6s/^# \?//p' "$0"; exit 2; fi
partition=$1 job=$2 config=$3; shift 3
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-$(( gpus < 8 ? gpus : 8 ))}
# shellcheck disable=SC2086  # SRUN_ARGS is a list of options
exec srun --partition="$partition" --job-name="$job" --gres="gpu:$per_node" \
    --ntasks="$gpus" --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-8}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/train.py" "$config" --launcher slurm "$@"
