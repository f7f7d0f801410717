"""What files that lie cost the process that reads them, and what is told of them.

    python -m benchmarks.hostile [--folder DIR] [--seconds 40] [--kinds images clips]

The files are those of tests/support/hostile, made anew. Each is read by a process of its own, with
all that a worker does with it, the search for text included. Seconds are of the processor; memory
is the highest resident memory of that process, less what it began with.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import cv2
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / 'tests'))
from support.hostile import dicom_headers, dicom_pixels, images, places, videos, volumes
from support.hostile.measure import baseline, cost_of
from usfm_mm.database.readers import dicom, image, nifti, video, volume  # noqa: F401  of all alike

KINDS = {
    'headers of DICOM': dicom_headers.HEADERS,
    'pixels of DICOM': dicom_pixels.PIXELS,
    'images': images.IMAGES,
    'volumes and archives': volumes.VOLUMES,
    'clips': videos.VIDEOS,
    'places and names': places.PLACES,
}


def main() -> None:
    """Make, read and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--folder', type=Path, help='for the files (2 GB; default: a temporary one)'
    )
    parser.add_argument('--seconds', type=float, default=40)
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=tuple(KINDS), metavar='KIND')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    console = Console(width=150)
    table = Table('kind', 'what became of them')
    for column in ('files', 'untrue', 'most s', 'most MB', 'the longest'):
        table.add_column(column, justify='right')
    with tempfile.TemporaryDirectory() as folder:
        root = args.folder or Path(folder) / 'files'
        root.mkdir(exist_ok=True)
        before = baseline()
        for kind in args.kinds:
            files = KINDS[kind]
            told: Counter[str] = Counter()
            costs = []
            untrue = 0
            for name, (make, true) in files.items():
                make(root / name)
                for cost in cost_of(root / name, Path(folder), args.seconds):
                    reasons = [cost.reason] if cost.reason or cost.images else list(cost.frames)
                    told[reasons[-1] or 'read'] += 1
                    costs.append((cost.seconds, cost.memory - before, name))
                    if not any(reason in true for reason in reasons):
                        untrue += 1
                        console.print(f'{name!r}: {cost}', markup=False)
                if not args.folder and (root / name).is_file():
                    (root / name).unlink()
            what = ', '.join(f'{number} {reason}' for reason, number in told.most_common())
            longest = max(costs)
            table.add_row(
                kind,
                what,
                str(len(costs)),
                str(untrue),
                f'{longest[0]:.1f}',
                f'{max(memory for _, memory, _ in costs):.0f}',
                longest[2],
            )
    count = sum(len(KINDS[kind]) for kind in args.kinds)
    console.print(f'{count} files; a process begins with {before:.0f} MB')
    console.print(table)


if __name__ == '__main__':
    main()
