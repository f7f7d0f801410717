"""Keep what the runs of an experiment found, without checkpoints, pictures and paths of a machine.

    python -m benchmarks.keep_results work_dirs/small_study results.tar.xz [--seeds 0]

The archive has a folder ``runs`` of which ``usfm experiment NAME --table`` makes its tables again,
in any work dir that it is unpacked into; intervals and tests by patient need the data's tables of
patients where they were. Words of errors, which may name an image, are left out, and a run with a
path of the machine is refused: give the experiment relative ones. Of data that ``--without``
names, whose licence keeps what is made of its images at home, it has the measures, and nothing of
a single image.
"""

import argparse
import csv
import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from usfm_mm.io.atomic import atomic_path

WHOLE = (
    *('run.json', 'finished_at', 'test/summary.json', 'test/cost.json'),
    *('knn/summary.json', 'knn/cost.json', 'corrupted/*/test/summary.json'),
)
IMAGES = ('test/per_image.csv', 'knn/per_image.csv')


def main() -> None:
    """Write the archive."""
    parser = argparse.ArgumentParser(description='Keep the results of an experiment.')
    parser.add_argument('work_dir', type=Path)
    parser.add_argument('archive', type=Path)
    parser.add_argument('--seeds', type=int, nargs='+', help='only these')
    parser.add_argument('--without', nargs='*', default=['covid_blues'], metavar='DATA')
    args = parser.parse_args()
    with atomic_path(args.archive) as temporary, tarfile.open(temporary, 'w:xz') as archive:
        count = 0
        for run in sorted((args.work_dir / 'runs').glob('*/*/*seed_*')):
            if args.seeds is None or int(run.name.rpartition('_')[2]) in args.seeds:
                for name, content in kept(run, run.parts[-3] not in args.without):
                    place = run.relative_to(args.work_dir) / name
                    entry = tarfile.TarInfo(place.as_posix())
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
                count += 1
    print(f'{args.archive}: {count} runs, {args.archive.stat().st_size / 1e3:.0f} kB')


def kept(run: Path, images: bool) -> Iterator[tuple[str, bytes]]:
    """Names and contents of what is kept of a run's folder."""
    for file in (file for pattern in WHOLE for file in sorted(run.glob(pattern))):
        yield file.relative_to(run).as_posix(), without_words(file)
    if (run / 'last_checkpoint').is_file():  # says where it was; that it was is what counts
        yield 'last_checkpoint', Path((run / 'last_checkpoint').read_text()).name.encode()
    for name in IMAGES if images else ():
        if (run / name).is_file():
            yield name, without_paths(run / name)


def without_words(file: Path) -> bytes:
    """A file of the run, without what an error said.

    Raises:
        ValueError: It has a path that begins at the machine's root.
    """
    content = file.read_bytes()
    if file.name == 'run.json':
        told = json.loads(content)
        told |= dict(error='left out') if told.get('error') else {}
        content = json.dumps(told, indent=2).encode()
    place = re.search(rb'(?<![\w.:/-])/[\w.-]+/', content)
    if place:
        raise ValueError(f'{file} tells of {place[0].decode()}: run with relative paths')
    return content


def without_paths(table: Path) -> bytes:
    """A table of images by their names alone."""
    with table.open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {key: Path(row[key]).name for key in row if '/' in (row[key] or '')}
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


if __name__ == '__main__':
    main()
