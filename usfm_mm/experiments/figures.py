"""All figures of a report."""

from collections.abc import Sequence
from pathlib import Path

from usfm_mm.experiments.ablation import draw_ablation
from usfm_mm.experiments.calibrating import draw_reliability
from usfm_mm.experiments.curves import draw_curves
from usfm_mm.experiments.embeddings import draw_embeddings
from usfm_mm.experiments.enhanced import draw_enhanced
from usfm_mm.experiments.plan import Experiment, Run
from usfm_mm.experiments.reconstructions import show_reconstructions
from usfm_mm.experiments.tables import Rows


def draw_figures(
    experiment: Experiment, runs: Sequence[Run], found: Rows, folder: Path
) -> list[dict[str, str]]:
    """Write what there is to draw, as PNG and SVG.

    Args:
        experiment: To report.
        runs: Its runs.
        found: Of :func:`~usfm_mm.experiments.comparing.intervals`.
        folder: To write to.

    Returns:
        ``heading``, ``text``, ``svg`` and the ``name`` of the files of each figure.
    """
    drawn = [
        (
            'Label efficiency',
            "Bands are 95 % intervals over seeds and test images; open squares are the paper's "
            'numbers.',
            draw_curves(experiment, found, folder),
            'label_efficiency',
        ),
        (
            'Ablation',
            "Lines are 95 % intervals over seeds and test images; open squares are the paper's "
            'numbers.',
            draw_ablation(experiment, found, folder),
            'ablation',
        ),
        (
            'Reliability',
            'Above the dashed line a classifier is right more often than it is sure. The area of a '
            'mark is its share of the test images, of all seeds together.',
            draw_reliability(experiment, runs, folder),
            'reliability',
        ),
        (
            'Features by organ',
            'Two first principal components of the features of images that were not masked, of the '
            'first seed of each pre-training. Distances in a plane say little: the table above has '
            'silhouette and neighbours in the whole space.',
            draw_embeddings(runs, folder),
            'features',
        ),
        (
            'Reconstructions',
            'Original, masked image and reconstruction of an image of each organ, and their log '
            'spectra.',
            show_reconstructions(experiment, runs, folder),
            'reconstruction',
        ),
        *(
            (
                f'Enhancement, {name.partition("_")[2]}',
                'Low quality, what each method makes of it, and high quality, of the first seed.',
                svg,
                name,
            )
            for name, svg in draw_enhanced(experiment, runs, folder).items()
        ),
    ]
    return [
        dict(heading=heading, text=text, svg=svg, name=name)
        for heading, text, svg, name in drawn
        if svg
    ]
