"""``usfm experiment`` with stub runs, in a process that can be killed: FILE WORK_DIR JOBS."""

import sys
from pathlib import Path

from usfm_mm.commands.experiment import main
from usfm_mm.experiments import execution, preflight

STUB = (sys.executable, str(Path(__file__).with_name('stub_usfm.py')))

if __name__ == '__main__':
    execution.USFM = STUB
    execution.share_list = lambda _, percent: f'seg_{percent}.txt'  # the real ones load OpenMMLab
    preflight.check_runs = lambda *_: []
    main([sys.argv[1], '--work-dir', sys.argv[2], '--jobs', sys.argv[3]])
