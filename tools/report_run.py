"""Sum up a pre-training run: python tools/report_run.py work_dirs/demo.

Prints how the loss fell and where the checkpoint and the last panel are; draws loss.png.
"""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from usfm_mm.visualization import loss_curve, save_figure


def read_log(work_dir: Path) -> list[dict]:
    """Logged training steps and validations of the latest run, oldest first.

    Raises:
        FileNotFoundError: If the folder holds no log of a run.
    """
    logs = sorted(work_dir.glob('*/vis_data/scalars.json'))
    if not logs:
        raise FileNotFoundError(f'{work_dir} holds no run: train with --work-dir {work_dir} first')
    return [json.loads(line) for line in logs[-1].read_text().splitlines()]


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description='Sum up a pre-training run.')
    parser.add_argument('work_dir', type=Path)
    work_dir = parser.parse_args().work_dir
    log = read_log(work_dir)
    rows = [row for row in log if 'loss_pixel' in row]
    table = Table(box=None)
    for column in ('iteration', 'loss', 'in space (L1)', 'in frequency'):
        table.add_column(column, justify='right')
    shown = sorted({round(i * (len(rows) - 1) / 5) for i in range(6)})
    for row in (rows[i] for i in shown):
        table.add_row(
            str(row['step']),
            f'{row["loss"]:.4f}',
            f'{row["loss_pixel"]:.4f}',
            f'{row["loss_frequency"]:.4f}',
        )
    console = Console()
    console.print(table)
    panels = sorted(work_dir.glob('reconstruction/*.json'))
    if panels:
        panel = json.loads(panels[-1].read_text())
        console.print(
            'Mean error in masked patches, intensities from 0 to 1: '
            f'{panel["l1_mean_fill"]:.3f} when masked, '
            f'{panel["l1_reconstruction"]:.3f} reconstructed'
        )
        console.print(f'panel:      {panels[-1].parent / panel["image"]}', soft_wrap=True)
    train, val = [(row['step'], row['loss']) for row in rows], []
    step = 0
    for row in log:  # mmengine counts a validation's step in epochs
        step = row['step'] if 'loss_pixel' in row else step
        if 'val/loss' in row:
            val.append((step, row['val/loss']))
    curve = save_figure(loss_curve(train, val), work_dir / 'loss.png')
    console.print(f'loss curve: {curve}', soft_wrap=True)
    checkpoint = (work_dir / 'last_checkpoint').read_text().strip()
    console.print(f'checkpoint: {checkpoint}', soft_wrap=True)


if __name__ == '__main__':
    main()
