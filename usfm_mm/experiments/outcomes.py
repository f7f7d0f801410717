"""What each test image got, of all seeds of a method."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from usfm_mm.evaluation.resampling import Measure

_SCORES = ('DSC', 'SSIM')
PATIENT_FILES = ('index.csv', 'patients.csv')


@dataclass(frozen=True)
class Outcomes:
    """Of a method on a data set.

    Attributes:
        values: ``[S, N]``: DSC or SSIM in %, or numbers of the answered classes.
        seeds: S, in order.
        images: Names of the N images, sorted.
        measure: Turns values into the measure that methods are compared by.
        name: Of the measure.
    """

    values: np.ndarray
    seeds: tuple[int, ...]
    images: tuple[str, ...]
    measure: 'Measure'
    name: str

    def at(self, seeds: Sequence[int]) -> np.ndarray:
        """Values of some of the seeds, ``[s, N]``."""
        return self.values[[self.seeds.index(seed) for seed in seeds]]


def read_outcomes(folders: Mapping[int, Path]) -> Outcomes | None:
    """Join the tests of a method's seeds.

    Args:
        folders: Of the results of its finished runs, by seed.

    Returns:
        None where there is none, or its tables tell neither DSC, SSIM nor classes.

    Raises:
        ValueError: The seeds were tested on different images.
    """
    tables = {seed: _rows(folder / 'per_image.csv') for seed, folder in folders.items()}
    if not tables or not all(tables.values()):
        return None
    first = next(iter(tables.values()))
    images = tuple(sorted(first))
    for seed, rows in tables.items():
        if set(rows) != set(images):
            raise ValueError(f'{folders[seed]} was tested on other images than the other seeds')
    columns = first[images[0]]
    name = next((name for name in _SCORES if columns.get(name)), '')
    seeds = tuple(tables)
    if name:
        from usfm_mm.evaluation.resampling import mean_measure  # imports OpenMMLab

        values = [[float(tables[seed][image][name]) for image in images] for seed in seeds]
        return Outcomes(np.array(values), seeds, images, mean_measure, name)
    if 'prediction' not in columns or 'truth' not in columns:
        return None
    classes = sorted(key.removeprefix('score_') for key in columns if key.startswith('score_'))
    truth = np.array([classes.index(first[image]['truth']) for image in images])
    answers = [[classes.index(tables[s][image]['prediction']) for image in images] for s in seeds]
    return Outcomes(np.array(answers), seeds, images, macro_f1(truth, len(classes)), 'F1')


def macro_f1(truth: np.ndarray, num_classes: int) -> 'Measure':
    """Macro F1 of each seed's answers, averaged over the seeds, in %.

    Example:
        >>> truth = np.array([0, 1, 1])
        >>> macro_f1(truth, 2)(truth[None], np.arange(3))
        100.0
    """
    from usfm_mm.evaluation.classification import MEASURES, class_scores

    place = MEASURES.index('F1')

    def measure(answers: np.ndarray, images: np.ndarray) -> float:
        cells = truth[images] * num_classes + answers  # of a confusion matrix for each seed
        cells += num_classes**2 * np.arange(len(answers))[:, None]
        counts = np.bincount(cells.ravel(), minlength=len(answers) * num_classes**2)
        confusions = counts.reshape(-1, num_classes, num_classes)
        return float(class_scores(confusions)[:, place].mean())

    return measure


def answers_of(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """How sure a classifier of one label per image was, and whether it was right.

    Args:
        folder: Of its results.

    Returns:
        ``[N]`` scores of the answers, 0 to 1, and ``[N]`` bool; None of other results.
    """
    rows = _rows(folder / 'per_image.csv').values()
    if not rows or not all({'score', 'truth', 'prediction'} <= row.keys() for row in rows):
        return None
    confidence = np.array([float(row['score']) for row in rows])
    return confidence, np.array([row['truth'] == row['prediction'] for row in rows])


def calibration_error(folder: Path) -> float | None:
    """Of the results of a classifier of one label per image, in %; None of others."""
    answers = answers_of(folder)
    if answers is None:
        return None
    from usfm_mm.evaluation.calibration import expected_calibration_error  # imports OpenMMLab

    return expected_calibration_error(*answers)


def patients_of(root: Path, images: Sequence[str]) -> list[str]:
    """Patient of each image or clip, else the image itself.

    As ``index.csv`` of the data root tells or, where there is none, ``patients.csv``. Of several
    files with an image's name it is the one whose folders are the image's too; where that is none,
    or several patients', the patient is not known.

    Raises:
        ValueError: The file has no column ``path``.
    """
    known: dict[str, dict[Path, str]] = {}
    for file in filter(Path.is_file, (root / name for name in PATIENT_FILES)):
        with file.open(newline='', encoding='utf-8-sig') as table:  # also as spreadsheets save it
            reader = csv.DictReader(table)
            if 'path' not in (reader.fieldnames or ()):
                raise ValueError(f'{file} has no column "path": add it')
            for row in reader:
                path, patient = Path(row['path']), row.get('patient') or ''
                known.setdefault(path.stem, {})[path.with_suffix('')] = patient
                if path.parent.parent.name == 'images':  # a frame: its folder is the clip
                    known.setdefault(path.parent.name, {})[path.parent] = patient
        break
    return [_patient(Path(image), known) or image for image in images]


def _patient(image: Path, known: Mapping[str, Mapping[Path, str]]) -> str:
    paths = known.get(image.name) or known.get(image.stem, {})
    if len(set(paths.values())) > 1:
        ends = (image.parts, image.with_suffix('').parts)
        paths = {
            path: patient
            for path, patient in paths.items()
            if any(end[-len(path.parts) :] == path.parts for end in ends)
        }
    patients = set(paths.values())
    return patients.pop() if len(patients) == 1 else ''


def _rows(path: Path) -> dict[str, dict[str, str]]:
    """Rows by the name of their image; by all of its path where several have that name."""
    if not path.is_file():
        return {}
    with path.open(newline='', encoding='utf-8') as file:
        rows = [row for row in csv.DictReader(file) if row.get('image')]
    names = [Path(row['image']).name for row in rows]
    often = Counter(names)
    return {
        name if often[name] == 1 else row['image']: row
        for name, row in zip(names, rows, strict=True)
    }
