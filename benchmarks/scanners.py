"""Known places of pictures on screens: are they steadier than the search, and faster?

    python -m benchmarks.scanners --clips ../shared/data/COVID-BLUES/lus_videos [--count 100]

Real clips of one scanner (files patient_NUMBER_POINT.mp4): the outline is learned from patients of
even numbers; in clips of the others, the search and the known outline are compared, on the same
frames. Then the same for generated screens with bars and text around a sector, a quarter of them
dark from some depth on. Both ways take turns, in one process; times are of the processor and
include the layout's search for text.
"""

import argparse
import hashlib
import re
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from usfm_mm.database.agreement import Needs, Seen, agreements
from usfm_mm.database.extract import survey
from usfm_mm.database.learn import outline_of
from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.clip import Box
from usfm_mm.database.scanner import Scanner
from usfm_mm.database.screen.remembered import remembered_view
from usfm_mm.database.screen.view import lay_out
from usfm_mm.database.types import Options

_LINES = ('MILLER ANNA', 'ID 5550123', '2019-03-04 10:15', 'MI 1.2 TIS 0.4', '12 cm')
Frames = list[np.ndarray]


def clips(folder: Path, count: int) -> Iterable[tuple[int, Frames]]:
    """Number of the patient and some frames of each clip."""
    for path in sorted(folder.glob('*.mp4'))[:count]:
        _, groups, _ = survey(open_clip(path, Options()), Options())
        yield int(re.findall(r'\d+', path.name)[0]), groups[0]


def screens(count: int) -> Iterable[tuple[int, Frames]]:
    """A number and one screen of 768 x 1024: speckle in a fan, a bar, text."""
    rows, columns = np.mgrid[:768, :1024]
    angle = np.abs(np.arctan2(columns - 512, rows - 60))
    radius = np.hypot(columns - 512, rows - 60)
    fan = (angle < 0.5) & (radius > 100) & (radius < 640)
    for number in range(count):
        rng = np.random.default_rng(number)
        real, imaginary = (
            cv2.GaussianBlur(rng.normal(size=fan.shape), (0, 0), 1.5) for _ in range(2)
        )
        speckle = np.hypot(real, imaginary)
        depth = 200 + 300 * rng.random() if number % 8 > 5 else 1000
        seen = speckle / speckle.mean() * 70 * np.clip((depth - radius) / 60 + 1, 0, 1)
        screen = np.where(fan, np.clip(seen, 0, 255), 0).astype(np.uint8)
        screen[:40] = 60
        for place, line in enumerate(_LINES):
            x, y = (12, 70 + 34 * place) if place < 3 else (840, 700 + 30 * (place - 3))
            cv2.putText(screen, line, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 230, 1, cv2.LINE_AA)
        yield number, [screen]


def learned(examples: Iterable[tuple[int, Frames]]) -> Scanner:
    """What the examples agree on."""
    seen = []
    for number, (patient, frames) in enumerate(examples):
        height, width = frames[0].shape
        layout = lay_out(frames, (), len(frames) == 1)
        alone = layout.fault is None and len(layout.views) == 1
        outline = outline_of(layout.views[0]) if alone else None
        order = hashlib.sha256(str(number).encode()).digest()
        seen.append(
            Seen(('scanner', (width, height), ()), order, str(patient), outline, layout.text)
        )
    (found,) = agreements(seen, Needs())
    if found.scanner is None:
        raise ValueError(f'not taken: {found.why}')
    return found.scanner


def compare(
    table: Table, name: str, scanner: Scanner, others: Iterable[tuple[int, Frames]]
) -> None:
    """Add two rows to a table: by the search, and where it is known."""
    boxes: dict[str, list[Box]] = {'search': [], 'known': []}
    seconds, missed = {'search': 0.0, 'known': 0.0}, 0
    for _, frames in others:
        still = len(frames) == 1
        start = time.process_time()
        layout = lay_out(frames, (), still)
        middle = time.process_time()
        view = remembered_view(frames, scanner, still)
        seconds['known'] += time.process_time() - middle
        seconds['search'] += middle - start
        boxes['search'].append(layout.views[0].box)
        missed += view is None
        boxes['known'].append(view.box if view is not None else layout.views[0].box)
    for way, own in boxes.items():
        sides = np.array([(box.left, box.top, box.right, box.bottom) for box in own])
        table.add_row(
            name,
            way,
            str(len(own)),
            str(missed) if way == 'known' else '',
            ', '.join(f'{value:.1f}' for value in sides.std(axis=0)),
            f'{1000 * seconds[way] / len(own):.0f}',
        )


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--clips', type=Path, help='folder of clips of one scanner')
    parser.add_argument('--count', type=int, default=100, help='of these clips')
    parser.add_argument('--screens', type=int, default=64, help='generated; half to learn from')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    table = Table('', 'place by', 'files', 'contradicted', 'spread of the sides, px', 'ms a file')
    sets = {'generated screens': list(screens(args.screens))}
    if args.clips is not None:
        sets['clips'] = list(clips(args.clips, args.count))
    for name, content in sets.items():
        scanner = learned(one for one in content if one[0] % 2 == 0)
        compare(table, name, scanner, [one for one in content if one[0] % 2])
    Console(width=140).print(table)


if __name__ == '__main__':
    main()
