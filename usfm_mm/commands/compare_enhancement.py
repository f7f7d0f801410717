"""Compare tested runs of enhancement: usfm compare-enhancement RUN ... --out PNG."""

import argparse
import csv
import statistics
from collections.abc import Sequence
from pathlib import Path

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

MEASURES = ('SSIM', 'LNCC', 'NMI', 'PSNR')  # of usfm_mm.EnhancementMetric

Rows = dict[str, dict[str, str]]
"""A run's test/per_image.csv, by image."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print the measures per organ (the paper's Table 4) and draw a panel (Fig. 9)."""
    parser = argparse.ArgumentParser(
        description='Compare runs that "usfm test" has tested on the same images.'
    )
    parser.add_argument('runs', nargs='+', type=Path, metavar='RUN', help="a run's work dir")
    parser.add_argument('--out', type=Path, required=True, help='the panel, a .png')
    parser.add_argument('--names', nargs='+', help="the methods' names; the folders' by default")
    parser.add_argument('--num-images', type=int, default=4, help='in the panel (default: 4)')
    args = parser.parse_args(argv)
    names = args.names or [run.resolve().name for run in args.runs]
    if not len(set(names)) == len(names) == len(args.runs):
        parser.error(f'{len(args.runs)} runs need as many different --names, got {names}')
    if args.num_images < 1:
        parser.error('--num-images must be at least 1')
    from usfm_mm.io.image import read_named  # imported once they are needed
    from usfm_mm.visualization.enhancement import enhancement_panel, spread_over_organs
    from usfm_mm.visualization.figures import save_figure

    runs = dict(zip(names, [read_run(run) for run in args.runs], strict=True))
    first = check_same_images(runs)
    Console(width=120).print(organ_table(runs))  # Markdown must not be wrapped
    rows = list(first.values())
    rows = [rows[i] for i in spread_over_organs(rows, args.num_images)]
    enhanced = [
        {
            name: (
                read_named(run / 'test' / 'enhanced' / f'{Path(row["image"]).stem}.png'),
                float(runs[name][row['image']]['SSIM']),
            )
            for name, run in zip(names, args.runs, strict=True)
        }
        for row in rows
    ]
    print(save_figure(enhancement_panel(rows, enhanced), args.out))


def read_run(run: Path) -> Rows:
    """Rows of a run's test by image.

    Raises:
        FileNotFoundError: The run was not tested.
        ValueError: It was not a test of enhancement.
    """
    path = run / 'test' / 'per_image.csv'
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing: test the run with "usfm test"')
    with path.open(newline='', encoding='utf-8') as file:
        rows = {row.get('image', ''): row for row in csv.DictReader(file)}
    for column in ('reference', 'organ', *MEASURES):
        if not rows or any(row.get(column) is None for row in rows.values()):
            raise ValueError(f'{path} has no column {column}: is it a test of enhancement?')
    return rows


def check_same_images(runs: dict[str, Rows]) -> Rows:
    """The first run's rows.

    Raises:
        ValueError: Another run was tested on other images.
    """
    name, first = next(iter(runs.items()))
    for other, rows in runs.items():
        different = sorted(set(first) ^ set(rows))
        if different:
            raise ValueError(
                f'{name} and {other} were not tested on the same images: {different[0]} is in one '
                'of them only'
            )
    return first


def organ_table(runs: dict[str, Rows]) -> Table:
    """Mean ± standard deviation of each measure per organ and over all images, by method."""
    table = Table('organ', 'method', *(f'{name} ({_unit(name)})' for name in MEASURES))
    table.box = MARKDOWN
    first = next(iter(runs.values()))
    organs = sorted({row['organ'] for row in first.values()})
    for organ in organs if len(organs) == 1 else [*organs, 'all']:
        images = [image for image, row in first.items() if organ in (row['organ'], 'all')]
        table.add_row(
            f'{organ} ({len(images)})',
            'low quality',
            *(_mean_std([first[image][f'{name}_input'] for image in images]) for name in MEASURES),
        )
        for method, rows in runs.items():
            cells = [_mean_std([rows[image][name] for image in images]) for name in MEASURES]
            table.add_row('', method, *cells)
    return table


def _mean_std(values: Sequence[str]) -> str:
    numbers = [float(value) for value in values]
    return f'{statistics.fmean(numbers):.1f} ± {statistics.pstdev(numbers):.1f}'


def _unit(name: str) -> str:
    return 'dB' if name == 'PSNR' else '%'
