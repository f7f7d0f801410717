"""What an index holds: bad images, organs, splits, mean and standard deviation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from usfm_mm.curation.split import MIN_IMAGES
from usfm_mm.io.index import codes
from usfm_mm.io.table import write_table
from usfm_mm.sampling import organ_probabilities
from usfm_mm.visualization.figures import save_figure
from usfm_mm.visualization.organs import organ_chart


def report_bad(path: Path, bad: Sequence[dict[str, str]]) -> str:
    """List bad images in a CSV; remove the list of an earlier run where there are none.

    Args:
        path: The CSV.
        bad: Rows with 'path' and 'reason'.

    Returns:
        A sentence on them, '' where there are none.
    """
    if not bad:
        path.unlink(missing_ok=True)
        return ''
    write_table(path, bad)
    return (
        f'{len(bad)} bad images, left out and listed in {path}; for instance {bad[0]["path"]}: '
        f'{bad[0]["reason"]}'
    )


def report_organs(table: pa.Table, path: Path, console: Console) -> None:
    """Print and plot images, share and sampling probability (Eq. 1) of each organ.

    Args:
        table: The index, with a column ``split``.
        path: The figure to write.
        console: For the table, and the warning where no image is for validation.
    """
    organ_ids, organs = codes(table['organ'])
    split_ids, splits = codes(table['split'])
    by_split = np.zeros((len(organs), len(splits)), int)
    np.add.at(by_split, (organ_ids, split_ids), 1)
    order = np.argsort(-by_split.sum(1), kind='stable')
    organs, by_split = [organs[i] for i in order], by_split[order]
    counts = by_split.sum(1)
    share, drawn = counts / counts.sum(), organ_probabilities(counts)
    view = Table('organ', title='Images by organ')
    for name in ('images', 'share', 'drawn (power 0.5)', *splits):
        view.add_column(name, justify='right')
    for i, name in enumerate(organs):
        cells = (f'{counts[i]:,}', f'{share[i]:.2%}', f'{drawn[i]:.2%}')
        view.add_row(name, *cells, *(f'{count:,}' for count in by_split[i]))
    console.print(view)
    save_figure(organ_chart(organs, counts, drawn), path)
    if 'val' not in splits:
        console.print(
            'No image is held out for validation (split "val"), and training wants some. Where no '
            f'split is given, an organ must have {MIN_IMAGES} images and two patients; '
            '--val-fraction 0.1 takes some of smaller organs too',
            markup=False,
            soft_wrap=True,
        )
