"""Sum up a pre-training run: usfm report work_dirs/demo.

Prints how the loss fell and where the checkpoint and the last panel are; draws loss.png.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

TERMS = {'loss_pixel': 'in space (L1)', 'loss_frequency': 'in frequency'}


def read_log(work_dir: Path) -> tuple[list[dict], list[tuple[int, float]]]:
    """Logged training steps and validations of a run, all its parts joined.

    A resumed run starts a new log at its checkpoint's step. What the former log has from there on
    was trained anew and is left out; logs of tests have no training steps.

    Args:
        work_dir: Folder of the run.

    Returns:
        A dict for each logged step, with ``step`` and ``loss``; and validations as pairs of the
        last step logged before and the loss. Both in the order of training.

    Raises:
        FileNotFoundError: If the folder holds no log of a training step.
    """
    if not work_dir.is_dir():
        raise FileNotFoundError(f'{work_dir}: no such folder; runs are in work_dirs/CONFIG')
    steps: list[dict] = []
    validations: list[tuple[int, float]] = []
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        log = [json.loads(line) for line in path.read_text().splitlines()]
        first = next((row['step'] for row in log if 'loss' in row), None)
        if first is None:
            continue
        steps = [row for row in steps if row['step'] < first]
        validations = [(step, loss) for step, loss in validations if step < first]
        for row in log:  # mmengine counts a validation's step in epochs
            if 'loss' in row:
                steps.append(row)
            elif 'val/total' in row and steps:
                validations.append((steps[-1]['step'], row['val/total']))
    if not steps:
        raise FileNotFoundError(
            f'{work_dir} holds no run with a logged training step: train with --work-dir '
            f'{work_dir} first, for default_hooks.logger.interval steps at least'
        )
    return steps, validations


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
    parser = argparse.ArgumentParser(description='Sum up a pre-training run.')
    parser.add_argument('work_dir', type=Path)
    work_dir = parser.parse_args(argv).work_dir
    from usfm_mm.visualization.figures import save_figure  # imported once it is needed
    from usfm_mm.visualization.loss import loss_curve

    steps, validations = read_log(work_dir)
    console = Console()
    console.print(loss_table(steps))
    panels = sorted(work_dir.glob('reconstruction/*.json'))
    if panels:
        panel = json.loads(panels[-1].read_text())
        console.print(
            'Mean error in masked patches, intensities from 0 to 1: '
            f'{panel["l1_mean_fill"]:.3f} when masked, '
            f'{panel["l1_reconstruction"]:.3f} reconstructed'
        )
        console.print(f'panel:      {panels[-1].parent / panel["image"]}', soft_wrap=True)
    losses = [(row['step'], row['loss']) for row in steps]
    curve = save_figure(loss_curve(losses, validations), work_dir / 'loss.png')
    console.print(f'loss curve: {curve}', soft_wrap=True)
    pointer = work_dir / 'last_checkpoint'
    checkpoint = pointer.read_text().strip() if pointer.is_file() else 'none yet'
    console.print(f'checkpoint: {checkpoint}', soft_wrap=True)
