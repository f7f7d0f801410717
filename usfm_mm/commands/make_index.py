"""Verify every image of a data set and write its index.

Prints the distribution of organs and the intensity mean and standard deviation for the config,
plots the distribution, and lists the images that cannot be used.
"""

import argparse
import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pyarrow as pa
import pyarrow.csv
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table

from usfm_mm.io.image import IMAGE_EXTENSIONS, BadImageError, decode_grey, read_file
from usfm_mm.io.index import (
    INDEX_NAMES,
    MIN_TO_HOLD_OUT,
    OPTIONAL_COLUMNS,
    hold_out,
    read_index,
    write_index,
)
from usfm_mm.io.packed import PACKED_NAME
from usfm_mm.io.progress import progress_bar
from usfm_mm.sampling import organ_probabilities

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

EXAMPLES = """examples:
  python tools/make_index.py data/3M-US                        # data/3M-US/ORGAN/**.png
  python tools/make_index.py data --prepared                   # data/busi, data/hc18, ...
  python tools/make_index.py data/all --manifest data/all/manifest.csv --out work_dirs/all
  python tools/make_index.py data/x --pattern '(?P<center>\\w+)/(?P<organ>\\w+)_(?P<patient>\\d+)'
"""
# Rows are dicts of the index's columns.
Row = dict[str, str | None]
_CHUNK = 256


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, help='data root; its folders are the organs')
    parser.add_argument('--out', type=Path, help='folder for index.parquet and reports (root)')
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument(
        '--manifest',
        type=Path,
        help='CSV with the columns path (or file) and organ, and where known '
        'center, device, patient (or group, and dataset), split',
    )
    layout.add_argument(
        '--prepared',
        action='store_true',
        help='join the indexes of the folders under root, as tools/prepare_data.py made them; '
        'their splits are kept, so that pre-training sees no test image',
    )
    layout.add_argument(
        '--pattern',
        help='regular expression that the start of a relative path '
        'matches; its named groups are columns of the index',
    )
    parser.add_argument(
        '--exclude',
        default=r'_(mask(_\d+)?|Annotation)\.\w+$',
        help='regular expression for paths to leave out (default: %(default)s)',
    )
    parser.add_argument(
        '--val-fraction',
        type=float,
        help='share of images held out as split "val" where no split is given, and at least one of '
        f'an organ of two or more (default: 0.01 of organs of {MIN_TO_HOLD_OUT} or more)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of that choice')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    args = parser.parse_args(argv)
    try:
        make_index(
            args.root,
            args.out or args.root,
            args.manifest,
            args.prepared,
            args.pattern,
            args.exclude,
            args.val_fraction,
            args.seed,
            args.workers,
        )
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from error


def make_index(
    root: Path,
    out: Path,
    manifest: Path | None = None,
    prepared: bool = False,
    pattern: str | None = None,
    exclude: str = '',
    val_fraction: float | None = None,
    seed: int = 0,
    workers: int = 1,
) -> None:
    """Verify, report and write; see the command line's help.

    Raises:
        FileNotFoundError: ``root`` is not a folder.
        ValueError: There are no images, an organ has none that can be used, two organs differ
            in capitals only, or the manifest or the pattern does not give what it must.
    """
    console = Console()
    if not root.is_dir():
        raise FileNotFoundError(f'{root} is not a folder')
    if manifest is not None:
        rows = rows_of_manifest(manifest, console)
    elif prepared:
        rows = rows_of_prepared(root)
    elif pattern is not None:
        rows = rows_of_pattern(root, pattern, console)
    else:
        rows = rows_of_folders(root, console)
    if exclude:
        kept = [row for row in rows if not re.search(exclude, str(row['path']))]
        if len(kept) < len(rows):
            console.print(
                f'{len(rows) - len(kept)} images left out by --exclude {exclude}', markup=False
            )
        rows = kept
    if not rows:
        raise ValueError(
            f'no images under {root}: expected {root}/ORGAN/NAME.png, or see '
            '--pattern and --manifest'
        )
    check_organ_names({str(row['organ']) for row in rows})
    rows.sort(key=lambda row: str(row['path']))

    out.mkdir(parents=True, exist_ok=True)
    reasons, moments, num_deep = verify(root, [str(row['path']) for row in rows], workers, console)
    bad = [(row, reason) for row, reason in zip(rows, reasons, strict=True) if reason]
    report_bad(out / 'bad_images.csv', bad, console)
    organs = {str(row['organ']) for row in rows}
    rows = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    emptied = organs - {str(row['organ']) for row in rows}
    if emptied:
        raise ValueError(
            f'none of the images of {", ".join(sorted(emptied))} can be used: see '
            f'{out / "bad_images.csv"}'
        )
    table = to_table(rows, val_fraction, seed)
    write_index(table, out / 'index.parquet')

    report_organs(table, out / 'organ_distribution.png', console)
    report_held_out(table, console)
    if num_deep:
        console.print(
            f'{num_deep} images have 16 bits per sample; only the upper 8 are read. '
            'If they are dark, convert them to 8 bits first.'
        )
    if (root / PACKED_NAME).is_file():
        console.print(
            f'The pixels are read from {root / PACKED_NAME}: if images have changed, pack them '
            f'again with "python tools/pack_images.py pack {root}"',
            markup=False,
            soft_wrap=True,
        )
    if out.resolve() != root.resolve():
        console.print(
            f"For the config's data set: data_root='{root}', "
            f"index='{out.resolve() / 'index.parquet'}'",
            markup=False,
            soft_wrap=True,
        )
    mean, std = float(moments[0]), float(np.sqrt(moments[1] - moments[0] ** 2))
    console.print(
        f'For the config, in grey levels: mean=[{mean:.2f}], std=[{std:.2f}]', markup=False
    )
    console.print(
        f'{len(table)} images, {len(bad)} bad, index: {out / "index.parquet"}',
        markup=False,
        soft_wrap=True,
    )


def rows_of_folders(root: Path, console: Console) -> list[Row]:
    """One organ per folder under ``root``; every image below it belongs to it.

    Raises:
        ValueError: A folder has no images.
    """
    rows: list[Row] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if folder.name.startswith('.'):
            continue
        paths = list(image_paths(root, folder))
        if not paths:
            raise ValueError(
                f'organ folder {folder} has no images '
                f'({", ".join(IMAGE_EXTENSIONS)}): fill or delete it'
            )
        rows += [{'path': path, 'organ': folder.name} for path in paths]
    stray = [
        path.name
        for path in root.iterdir()
        if path.suffix.lower() in IMAGE_EXTENSIONS and path.name != 'organ_distribution.png'
    ]
    if stray:
        console.print(
            f'{len(stray)} images lie directly in {root}, not in the folder of an '
            f'organ, and are left out, for instance {stray[0]}',
            markup=False,
        )
    return rows


def rows_of_pattern(root: Path, pattern: str, console: Console) -> list[Row]:
    """Columns from the named groups of ``pattern``, matched at the start of relative paths.

    Raises:
        ValueError: The pattern cannot be compiled or its groups are not columns of an index.
    """
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise ValueError(f'--pattern {pattern!r}: {error}') from error
    groups = set(regex.groupindex)
    if 'organ' not in groups or groups - {'organ', *OPTIONAL_COLUMNS}:
        raise ValueError(
            f'--pattern {pattern!r} must name a group "organ", and may name '
            f'{", ".join(OPTIONAL_COLUMNS)}; it names {sorted(groups)}'
        )
    paths = list(image_paths(root, root))
    matches = [(path, regex.match(path)) for path in paths]
    rows: list[Row] = [{'path': path, **match.groupdict()} for path, match in matches if match]
    if len(rows) < len(paths):
        console.print(f'{len(paths) - len(rows)} images do not match --pattern and are left out')
    return rows


def rows_of_prepared(root: Path) -> list[Row]:
    """Rows of the indexes in the folders under ``root``; a patient belongs to its folder.

    Raises:
        ValueError: No folder has an index, or an index cannot be used.
    """
    rows: list[Row] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        hidden = folder.name.startswith('.')  # what a stopped conversion left
        if hidden or not any((folder / name).is_file() for name in INDEX_NAMES):
            continue
        for record in read_index(folder).to_pylist():
            row: Row = dict(record, path=f'{folder.name}/{record["path"]}')
            if row.get('patient'):
                row['patient'] = f'{folder.name}:{row["patient"]}'
            rows.append(row)
    if not rows:
        raise ValueError(f'no folder under {root} has an index: make them with prepare_data.py')
    return rows


def rows_of_manifest(manifest: Path, console: Console) -> list[Row]:
    """Rows of a CSV; ``file`` stands for ``path``, and ``group`` within ``dataset`` for patient.

    Raises:
        ValueError: It has no column for the path or the organ, or an organ is empty.
    """
    with open(manifest, newline='', encoding='utf-8') as file:
        records = list(csv.DictReader(file))
    if not records:
        raise ValueError(f'{manifest} has no rows')
    columns = list(records[0])
    path_column = 'path' if 'path' in columns else 'file'
    if path_column not in columns or 'organ' not in columns:
        raise ValueError(
            f'{manifest} has the columns {", ".join(columns)}; it needs "path" (or '
            '"file") and "organ"'
        )
    rows: list[Row] = []
    for number, record in enumerate(records, 2):
        if not record['organ']:
            raise ValueError(f'{manifest}, line {number}: column "organ" is empty')
        if not record[path_column].lower().endswith(IMAGE_EXTENSIONS):
            continue
        row: Row = {'path': record[path_column], 'organ': record['organ']}
        row |= {name: record[name] or None for name in OPTIONAL_COLUMNS if name in columns}
        if 'patient' not in columns and record.get('group'):
            row['patient'] = ':'.join(filter(None, (record.get('dataset'), record['group'])))
        rows.append(row)
    if len(rows) < len(records):
        console.print(
            f'{len(records) - len(rows)} files of the manifest are not images '
            f'({", ".join(IMAGE_EXTENSIONS)}) and are left out'
        )
    return rows


def image_paths(root: Path, folder: Path) -> Iterator[str]:
    """Paths of the images below ``folder``, relative to ``root``, with forward slashes."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        prefix = Path(parent).relative_to(root).as_posix()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_EXTENSIONS) and not name.startswith('.'):
                yield name if prefix == '.' else f'{prefix}/{name}'


def check_organ_names(names: Iterable[str]) -> None:
    """Refuse two names that differ in capitals, or in spaces around them, only."""
    seen: dict[str, str] = {}
    for name in sorted(names):
        other = seen.setdefault(name.strip().lower(), name)
        if other != name:
            raise ValueError(
                f'organs {other!r} and {name!r} differ in capitals or spaces only: '
                'give them one name'
            )


def verify(
    root: Path, paths: list[str], workers: int, console: Console
) -> tuple[list[str], np.ndarray, int]:
    """Decode every image.

    Returns:
        Per path the reason why it is bad, '' if it is not; the means over the good images of
        their mean grey level and mean squared grey level; and the number of 16-bit PNGs.
    """
    chunks = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
    reasons: list[str] = []
    moments: list[np.ndarray] = []
    num_deep = 0
    # Starting processes takes longer than one or two chunks.
    jobs = workers if len(chunks) > 4 else 1
    with progress_bar(console) as progress:
        task = progress.add_task('verifying', total=len(paths))
        results = Parallel(n_jobs=jobs, return_as='generator')(
            delayed(verify_chunk)(root, chunk) for chunk in chunks
        )
        for chunk_reasons, chunk_moments, chunk_deep in results:
            reasons += chunk_reasons
            moments.append(chunk_moments)
            num_deep += chunk_deep
            progress.advance(task, len(chunk_reasons))
    return reasons, np.sum(moments, axis=0) / max(1, reasons.count('')), num_deep


def verify_chunk(root: Path, paths: list[str]) -> tuple[list[str], np.ndarray, int]:
    """Decode some images; as :func:`verify`, with sums in place of means."""
    cv2.setNumThreads(1)
    reasons, moments, num_deep = [], np.zeros(2), 0
    for path in paths:
        try:
            data = read_file(root / path)
            image = decode_grey(data)
        except BadImageError as error:
            reasons.append(str(error))
            continue
        reasons.append('')
        # The byte after a PNG's width and height is its bit depth.
        num_deep += data.startswith(b'\x89PNG') and data[24] == 16
        mean, std = cv2.meanStdDev(image)
        moments += mean.item(), mean.item() ** 2 + std.item() ** 2
    return reasons, moments, num_deep


def report_bad(path: Path, bad: list[tuple[Row, str]], console: Console) -> None:
    """List bad images and why in a CSV; remove the list of an earlier run where there are none."""
    if not bad:
        path.unlink(missing_ok=True)
        return
    pa.csv.write_csv(
        pa.table(
            {
                'path': [row['path'] for row, _ in bad],
                'organ': [row['organ'] for row, _ in bad],
                'reason': [reason for _, reason in bad],
            }
        ),
        path,
    )
    console.print(
        f'{len(bad)} bad images, left out of the index and listed in {path}; '
        f'for instance {bad[0][0]["path"]}: {bad[0][1]}',
        markup=False,
        soft_wrap=True,
    )


def to_table(rows: list[Row], val_fraction: float | None, seed: int) -> pa.Table:
    """Index of the rows, with the columns that any of them has, and a split.

    Args:
        rows: One per image.
        val_fraction: Held out where no row has a split, at least one image of every organ of two
            or more; None for 0.01, which leaves out organs of less than 20.
        seed: Of that choice.

    Raises:
        ValueError: Some rows have a split and others have none.
    """
    columns = {
        name: pa.array([row.get(name) for row in rows], pa.string())
        for name in ('path', 'organ', *OPTIONAL_COLUMNS)
    }
    if columns['split'].null_count == len(rows):
        fraction, at_least = (0.01, MIN_TO_HOLD_OUT) if val_fraction is None else (val_fraction, 2)
        held_out = hold_out(
            _codes(columns['organ']), _codes(columns['patient']), fraction, seed, at_least
        )
        columns['split'] = pa.array(np.where(held_out, 'val', 'train'))
    elif columns['split'].null_count:
        raise ValueError(
            f'{columns["split"].null_count} images have no split while others have '
            'one: give all or none'
        )
    return pa.table(
        {
            name: column if name == 'path' else column.dictionary_encode()
            for name, column in columns.items()
            if column.null_count < len(rows)
        }
    )


def _codes(column: pa.Array) -> np.ndarray:
    indices = column.dictionary_encode().indices
    return indices.fill_null(-1).to_numpy(zero_copy_only=False)


def report_held_out(table: pa.Table, console: Console) -> None:
    """Warn where no image is held out: training ends with an error for want of a validation set."""
    if 'val' not in table['split'].to_pylist():
        console.print(
            'No image is held out for validation (split "val"), and training wants some. Where no '
            f'split is given, an organ must have {MIN_TO_HOLD_OUT} images and two patients; '
            '--val-fraction 0.1 takes some of smaller organs too',
            markup=False,
            soft_wrap=True,
        )


def report_organs(table: pa.Table, path: Path, console: Console) -> None:
    """Print and plot images, share and sampling probability (Eq. 1) of each organ."""
    values = table['organ'].value_counts().to_pylist()
    values.sort(key=lambda value: -value['counts'])
    names = [value['values'] for value in values]
    counts = np.array([value['counts'] for value in values])
    share = counts / counts.sum()
    drawn = organ_probabilities(counts)
    splits = sorted(set(table['split'].to_pylist()))
    by_split = table.group_by(['organ', 'split']).aggregate([('path', 'count')]).to_pylist()
    in_split = {(row['organ'], row['split']): row['path_count'] for row in by_split}

    view = Table('organ', title='Images by organ')
    for name in ('images', 'share', 'drawn (power 0.5)', *splits):
        view.add_column(name, justify='right')
    for i, name in enumerate(names):
        view.add_row(
            name,
            f'{counts[i]:,}',
            f'{share[i]:.2%}',
            f'{drawn[i]:.2%}',
            *(f'{in_split.get((name, split), 0):,}' for split in splits),
        )
    console.print(view)

    figure, axes = plt.subplots(figsize=(7, 0.45 * len(names) + 1.4), layout='constrained')
    rows = np.arange(len(names))
    for offset, values_, label in ((-0.2, share, 'images'), (0.2, drawn, 'drawn, power 0.5')):
        bars = axes.barh(rows + offset, 100 * values_, 0.38, label=label)
        axes.bar_label(bars, fmt='%.3g', padding=2, fontsize=8)
    axes.set(xscale='log', xlabel='share in %', yticks=rows, title=f'{counts.sum():,} images')
    axes.set_yticklabels(names)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)
