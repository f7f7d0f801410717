"""What each method makes of the same images of low quality: the paper's Fig. 9."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from usfm_mm.experiments.organs import read_pairs
from usfm_mm.experiments.plan import Experiment, Run

_IMAGES = 4  # at least, where there are so many


def draw_enhanced(experiment: Experiment, runs: Sequence[Run], folder: Path) -> dict[str, str]:
    """Write ``enhanced_DATA.png`` and ``.svg`` of each data set of enhancement.

    Of the largest share of the training images, and of each method the first seed that is tested.
    A picture that cannot be read costs the panel, and is a warning.

    Args:
        experiment: For its data.
        runs: Its runs.
        folder: To write to.

    Returns:
        The SVGs' text from the first element on, by the files' name.
    """
    found: dict[str, str] = {}
    for data in experiment.data:
        methods: dict[str, tuple[Run, dict[str, dict[str, str]]]] = {}
        for run in runs:
            if (run.data, run.percent) == (data, max(experiment.percent)):
                rows = read_pairs(run)
                if rows and run.method not in methods:
                    methods[run.method] = run, rows
        if methods:
            svg = _panel(methods, folder, f'enhanced_{data}')
            found |= {f'enhanced_{data}': svg} if svg else {}
    return found


def _panel(
    methods: dict[str, tuple[Run, dict[str, dict[str, str]]]], folder: Path, name: str
) -> str:
    from usfm_mm.io.image import BadImageError, read_named
    from usfm_mm.visualization.enhancement import enhancement_panel, spread_over_organs
    from usfm_mm.visualization.figures import save_both

    first = next(iter(methods.values()))[1]
    shared = [row for image, row in first.items() if all(image in of for _, of in methods.values())]
    count = max(_IMAGES, len({row['organ'] for row in shared}))
    rows = [shared[place] for place in spread_over_organs(shared, count)]
    try:
        enhanced = [
            {
                method: (
                    read_named(run.results / 'enhanced' / f'{Path(row["image"]).stem}.png'),
                    float(of[row['image']]['SSIM']),
                )
                for method, (run, of) in methods.items()
            }
            for row in rows
        ]
        return save_both(enhancement_panel(rows, enhanced), folder, name)
    except (BadImageError, OSError, ValueError) as error:
        warnings.warn(f'no {name}.png: {error}', stacklevel=2)
        return ''
