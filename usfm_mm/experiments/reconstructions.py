"""What a pre-trained model makes of masked images: the paper's Fig. 6."""

import base64
from collections.abc import Sequence
from pathlib import Path

from usfm_mm.experiments.plan import PRETRAIN, Experiment, Run
from usfm_mm.experiments.states import is_done
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.numbered import number_of


def show_reconstructions(experiment: Experiment, runs: Sequence[Run], folder: Path) -> str:
    """Copy the last panel of ``ReconstructionHook`` to ``reconstruction.png``, and wrap it in SVG.

    Args:
        experiment: Whose method of ``about`` says which pre-training; else the first one that has a
            panel.
        runs: Of which the first seed's counts.
        folder: To write to.

    Returns:
        The SVG's text; empty where no pre-training left a panel.
    """
    about = experiment.methods.get(experiment.about)
    wanted = about.pretrained if about else ''
    done = [run for run in runs if run.stage == PRETRAIN and is_done(run)]
    for run in sorted(done, key=lambda run: run.method != wanted):
        panels = sorted((run.folder / 'reconstruction').glob('*.png'), key=number_of)
        if panels:
            return _wrapped(panels[-1].read_bytes(), folder)
    return ''


def _wrapped(png: bytes, folder: Path) -> str:
    width, height = (int.from_bytes(png[at : at + 4], 'big') for at in (16, 20))  # of its header
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">'
        f'<image width="{width}" height="{height}" '
        f'href="data:image/png;base64,{base64.b64encode(png).decode()}"/></svg>\n'
    )
    write_atomic(folder / 'reconstruction.png', png)
    write_atomic(folder / 'reconstruction.svg', text.encode())
    return text
