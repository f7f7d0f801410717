"""What a job of ``usfm experiment --slurm`` runs, but with stub runs: FOLDER."""

import sys

from submitit.core.submission import process_job

from support import experiment_runner
from usfm_mm.experiments import execution

if __name__ == '__main__':
    execution.USFM = experiment_runner.STUB
    execution.share_list = lambda _, percent: f'seg_{percent}.txt'
    process_job(sys.argv[-1])
