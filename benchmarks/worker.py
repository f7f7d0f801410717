"""What a process of the database builder costs: its start, and its memory in a real run.

    python -m benchmarks.worker [--source ../shared/data] [--workers 2]

The start is the import of what a worker needs, in a fresh process. The run is `build_database` over
the source in a process of its own; its memory and that of each worker is sampled every second (USS
is what one process alone holds, RSS has what they share in it, too).
"""

import argparse
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

_START = """
import resource, sys
import usfm_mm.database.chunk
usage = resource.getrusage(resource.RUSAGE_SELF)
pages = int(open('/proc/self/statm').read().split()[1])
print(pages * resource.getpagesize() / 1e6, usage.ru_utime + usage.ru_stime)
"""


def start() -> tuple[float, float]:
    """Resident memory in MB and seconds of the processor, after the import alone."""
    done = subprocess.run(
        [sys.executable, '-c', _START], capture_output=True, text=True, check=True
    )
    memory, seconds = map(float, done.stdout.split())
    return memory, seconds


def real_run(source: Path, workers: int) -> dict[str, float]:
    """Highest memory in MB of the main process and of a worker, and seconds on the clock."""
    highest = {'main RSS': 0.0, 'worker RSS': 0.0, 'worker USS': 0.0}
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / 'secret.key'
        key.touch(0o600)
        key.write_text(secrets.token_hex(32))
        begin = time.perf_counter()
        process = psutil.Popen(
            [sys.executable, 'tools/build_database.py', source, f'{folder}/out']
            + ['--key-file', key, '--workers', str(workers)],
            stdout=subprocess.DEVNULL,
        )
        while process.poll() is None:
            time.sleep(1)
            for each in [process, *process.children(recursive=True)]:
                try:
                    memory = each.memory_full_info()
                    main = each == process or 'resource_tracker' in ' '.join(each.cmdline())
                except psutil.Error:  # it has just ended
                    continue
                if main:
                    highest['main RSS'] = max(highest['main RSS'], memory.rss / 1e6)
                else:
                    highest['worker RSS'] = max(highest['worker RSS'], memory.rss / 1e6)
                    highest['worker USS'] = max(highest['worker USS'], memory.uss / 1e6)
        highest['seconds'] = time.perf_counter() - begin
        if process.returncode:
            raise SystemExit(process.returncode)
    return highest


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--source', type=Path, default=Path('../shared/data'), help='of a real run')
    parser.add_argument('--workers', type=int, default=2)
    args = parser.parse_args()
    memory, seconds = start()
    print(f'start: {memory:.0f} MB, {seconds:.2f} s of the processor')
    if args.source.is_dir():
        for name, value in real_run(args.source, args.workers).items():
            print(f'{name}: {value:.0f}')


if __name__ == '__main__':
    main()
