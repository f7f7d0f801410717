"""Sum up a run: usfm report work_dirs/demo.

Prints how the loss fell and where the checkpoint and the last panel are; draws loss.png, and
of a run with validation measures curves.png.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

TERMS = {'loss_pixel': 'in space (L1)', 'loss_frequency': 'in frequency'}


def loss_table(steps: list[dict]) -> Table:
    """Loss, and its parts where the method has them, at six of the steps."""
    terms = {name: title for name, title in TERMS.items() if name in steps[-1]}
    table = Table(box=None)
    for column in ('iteration', 'loss', *terms.values()):
        table.add_column(column, justify='right')
    for i in sorted({round(i * (len(steps) - 1) / 5) for i in range(6)}):
        values = (steps[i][name] for name in ('loss', *terms))
        table.add_row(str(steps[i]['step']), *(f'{value:.4f}' for value in values))
    return table


def main(argv: Sequence[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description='Sum up a run.')
    parser.add_argument('work_dir', type=Path)
    work_dir = parser.parse_args(argv).work_dir
    from usfm_mm.io.numbered import number_of  # imported once they are needed
    from usfm_mm.io.run_log import read_log
    from usfm_mm.visualization.curves import curves_panel
    from usfm_mm.visualization.figures import save_figure
    from usfm_mm.visualization.loss import loss_curve

    steps, validations = read_log(work_dir)
    console = Console()
    say = partial(console.print, soft_wrap=True, markup=False)
    console.print(loss_table(steps))
    panels = sorted(work_dir.glob('reconstruction/*.json'), key=number_of)
    if panels:
        panel = json.loads(panels[-1].read_text())
        masked, recovered = (
            'no number' if panel[f'l1_{name}'] is None else f'{panel[f"l1_{name}"]:.3f}'
            for name in ('mean_fill', 'reconstruction')
        )
        console.print(
            'Mean error in masked patches, intensities from 0 to 1: '
            f'{masked} when masked, {recovered} reconstructed'
        )
        say(f'panel:      {panels[-1].parent / panel["image"]}')
    losses = [(row['step'], row['loss']) for row in steps]
    totals = [(step, row['val/total']) for step, row in validations if 'val/total' in row]
    curve = save_figure(loss_curve(losses, totals), work_dir / 'loss.png')
    say(f'loss curve: {curve}')
    if validations and not totals:
        panel = curves_panel(losses, validations)
        say(f'curves:     {save_figure(panel, work_dir / "curves.png")}')
    pointer = work_dir / 'last_checkpoint'
    checkpoint = pointer.read_text().strip() if pointer.is_file() else 'none yet'
    say(f'checkpoint: {checkpoint}')
