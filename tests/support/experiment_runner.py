"""``usfm experiment`` with stub runs, in a process that can be killed: FILE WORK_DIR JOBS."""

import sys
from pathlib import Path

from usfm_mm.commands.experiment import main
from usfm_mm.experiments import execution, preflight

STUB = (sys.executable, str(Path(__file__).with_name('stub_usfm.py')))

if __name__ == '__main__':
    execution.USFM = STUB
    for module in (execution, preflight):  # the real one loads OpenMMLab
        module.share_list = lambda _, percent: f'seg_{percent}.txt'
    main([sys.argv[1], '--work-dir', sys.argv[2], '--jobs', sys.argv[3]])
