"""Pictures per core-second of two commits in turn, the search for text included.

    python -m benchmarks.picture_speed --against OTHER_FOLDER [--data ../shared/data] [--each 20]

One process of each commit gets the same real file in turn, reads it as the builder does and says
how much time of the processor that took, how many pictures came, and which part of their pixels
was painted over for text. The start of a process and its first file are not counted.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

SETS = {
    'BUSI': ('BUSI', '*).png'),
    'HC18': ('HC18', '*HC.png'),
    'USGRA': ('USGRA', 'images/*.png'),
    'TimTrack': ('TimTrack', '*.png'),
    'PICMUS': ('PICMUS', '*.png'),
    'USAnotAI': ('USAnotAI', '*.png'),
    'COVID-BLUES': ('COVID-BLUES', '*.mp4'),
    'POCUS': ('POCUS', 'Reg*'),
}


def serve() -> None:
    """Read files whose paths come in, one a line."""
    import cv2
    import numpy as np

    from usfm_mm.database import extract
    from usfm_mm.database.types import Options, RejectedError

    cv2.setNumThreads(1)
    painted = []
    own = extract.cover_text

    def cover_text(picture: np.ndarray, *args: Any, **kwargs: Any) -> Any:
        clean, boxes = own(picture, *args, **kwargs)
        mask = np.zeros(picture.shape, bool)
        for box in boxes:
            box.cut(mask)[:] = True
        painted.append((int(mask.sum()), mask.size))
        return clean, boxes

    with mock.patch.object(extract, 'cover_text', cover_text):
        for line in sys.stdin:
            painted.clear()
            start = time.process_time()
            try:
                count = len(list(extract.extract(line.strip(), Options()).pictures))
            except RejectedError:
                count = 0
            seconds = time.process_time() - start
            text = sum(pixels for pixels, _ in painted)
            row = dict(pictures=count, seconds=seconds, painted=text)
            print(json.dumps({**row, 'pixels': sum(size for _, size in painted)}), flush=True)


def compare(paths: list[Path], folders: dict[str, Path]) -> Iterator[tuple[Path, str, dict]]:
    """What each commit says of each file, in turn."""
    script = str(Path(__file__).resolve())
    servers = {
        name: subprocess.Popen(
            [sys.executable, script, '--serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, 'PYTHONPATH': str(folder), 'OMP_NUM_THREADS': '1'},
        )
        for name, folder in folders.items()
    }  # fmt: skip
    try:
        for number, path in enumerate([paths[0], *paths]):
            for name, server in servers.items():
                assert server.stdin
                assert server.stdout
                server.stdin.write(f'{path}\n')
                server.stdin.flush()
                row = json.loads(server.stdout.readline())
                if number:
                    yield path, name, row
    finally:
        for server in servers.values():
            server.terminate()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--against', type=Path, help='clone at another commit')
    parser.add_argument('--each', type=int, default=20, help='files of a set')
    parser.add_argument('--minutes', type=float, default=60, help='no new file after')
    parser.add_argument('--out', type=Path, help='JSON')
    parser.add_argument('--serve', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve()
        return
    names: dict[Path, str] = {}
    for name, (folder, pattern) in SETS.items():
        files = sorted((args.data / folder).rglob(pattern))
        names |= dict.fromkeys(files[:: max(len(files) // args.each, 1)][: args.each], name)
    folders = {'this': Path(__file__).resolve().parents[1]}
    if args.against:
        folders = {'other': args.against.resolve(), **folders}
    totals: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    order = sorted(names, key=lambda path: hashlib.md5(path.name.encode()).digest())
    end = time.monotonic() + 60 * args.minutes
    for path, commit, row in compare(order, folders):
        if commit == next(iter(folders)) and time.monotonic() > end:
            break
        for key in (names[path], 'all'):
            for field, value in row.items():
                totals[key, commit][field] += value
            totals[key, commit]['files'] += 1
    for (name, commit), row in sorted(totals.items()):
        row['pictures per core-second'] = row['pictures'] / row['seconds']
        row['painted, percent'] = 100 * row['painted'] / max(row['pixels'], 1)
        print(
            f'{name:12} {commit:6}', *(f'{key} {value:.6g}' for key, value in row.items()), sep='  '
        )
    if args.out:
        flat = {f'{name}, {commit}': row for (name, commit), row in totals.items()}
        args.out.write_text(json.dumps(flat, indent=1))


if __name__ == '__main__':
    main()
