"""A folder of stills and clips, and a table, with one finding in 4 % of the rows.

    python -m benchmarks.rare_finding USAnotAI scans

The stills are those of the release: liver, kidney, spleen and bowel, called ``none``, and ten of
the bladder, called ``finding``. Of the first come clips too, each a still that moves a little. Four
files are those of one made-up patient. docs/tables.md says what a classifier learns of it.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from usfm_mm.io.image import encode_png, read_grey

COMMON = ('liver', 'kidney', 'spleen', 'bowel')
RARE = 'bladder'
CLIPS, FINDINGS, PER_PATIENT = 18, 10, 4


def files(source: Path) -> Iterator[tuple[Path, str]]:
    """Stills with their label, always in the same order."""
    for organ in COMMON:
        for path in sorted(source.rglob(f'{organ}-*.png')):
            yield path, 'none'
    rare = sorted(source.rglob(f'{RARE}-*.png'))
    for path in rare[:: len(rare) // FINDINGS][:FINDINGS]:  # neighbours are nearly the same
        yield path, 'finding'


def write_clip(path: Path, still: np.ndarray, frames: int = 12) -> None:
    """Write an MP4 of a still that moves by a pixel a frame."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('h264', rate=12)
        stream.height, stream.width = still.shape
        stream.pix_fmt = 'yuv420p'
        for number in range(frames):
            moved = np.repeat(np.roll(still, number, axis=1)[..., None], 3, axis=2)
            frame = av.VideoFrame.from_ndarray(moved, 'rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def main() -> None:
    """Write what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='the release USAnotAI')
    parser.add_argument('out', type=Path, help='folder to make')
    args = parser.parse_args()
    args.out.mkdir(parents=True)
    rows = []
    found = list(files(args.source))
    for number, (path, label) in enumerate(found):
        name = f'{number:03d}'
        patient = f'p{number // PER_PATIENT:02d}'
        still = read_grey(path)
        (args.out / f'{name}.png').write_bytes(encode_png(still))
        rows.append((name, patient, label))
        if label == 'none' and number % 11 == 0 and number // 11 < CLIPS:
            write_clip(args.out / f'{name}_clip.mp4', still)
            rows.append((f'{name}_clip', patient, label))
    with (args.out / 'scans.csv').open('w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([('File', 'Patient ID', 'Diagnosis'), *rows])
    rare = sum(label == 'finding' for *_, label in rows)
    print(f'{len(rows)} rows, {rare} of them a finding: {args.out}/scans.csv')


if __name__ == '__main__':
    main()
