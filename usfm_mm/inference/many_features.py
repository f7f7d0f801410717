"""Features of many files in one file: saved on the way, continued where it ended."""

import json
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np

from usfm_mm.inference.ahead import read_ahead
from usfm_mm.inference.feature_space import kind_of
from usfm_mm.inference.features import (
    Encoder,
    FeatureTable,
    features_of,
    join,
    read_features,
    write_features,
)
from usfm_mm.inference.groups import Problems, groups_to_do, read_groups

_SAVE_EVERY = 60.0  # seconds


def extract_to_file(
    files: list[Path],
    encoder: Encoder,
    out: Path,
    about: dict[str, str],
    batch_size: int,
    advance: Callable[[int], None],
    save_every: float = _SAVE_EVERY,
    *,
    bits: int | None = None,
) -> list[str]:
    """Features of each file that the file of features lacks or that changed since.

    What the file holds of files that are not among these stays.

    Args:
        files: In the order of the rows.
        encoder: Which makes the vectors.
        out: ``.parquet`` or ``.npz``.
        about: What makes the vectors; a file made otherwise is not added to.
        batch_size: Images at once.
        advance: Told of how many files were finished.
        save_every: Seconds between two savings.
        bits: In use in images of 16 bits, of all files.

    Returns:
        What could not be read, one line each.

    Raises:
        ValueError: The file of features was made otherwise, or none of the files can be read.
    """
    for left in out.parent.glob(f'.{out.name}.*.tmp'):  # half written by a run that was killed
        left.unlink()
    tables, incomplete = _former(out, about)
    made = out.stat().st_mtime if tables else 0.0
    done = {source for source in tables if source not in incomplete}
    problems = Problems()
    groups = groups_to_do(
        files,
        batch_size,
        lambda file: str(file) in done and file.stat().st_mtime <= made,
        problems,
    )
    doing = {str(file) for group in groups for file in group}
    advance(len(files) - len(doing))
    stream = read_ahead(read_groups(groups, problems, bits), 2 * batch_size)
    saved = time.monotonic()

    def save() -> None:
        bad = sorted({*problems.files, *problems.frames} & set(tables))
        order = [source for source in tables if source not in listed]
        order += [str(file) for file in files if str(file) in tables]
        what = {**about, 'incomplete': json.dumps(bad)}
        write_features(out, join([tables[source] for source in order], what))

    listed = {str(file) for file in files}
    for _, frames in groupby(stream, key=lambda item: item[0]):
        found = features_of(encoder, (frame for _, frame in frames), batch_size)
        for source, of_source in groupby(found, key=lambda answer: answer.frame.source):
            answers = list(of_source)
            numbers = [answer.frame.number for answer in answers]
            vectors = np.stack([answer.vector for answer in answers])
            tables[source] = FeatureTable(vectors, [source] * len(numbers), numbers)
            advance(1)
        if time.monotonic() - saved > save_every:
            save()
            saved = time.monotonic()
    if not tables:
        raise ValueError(f'none of {len(files)} files can be read, such as {_lines(problems)[0]}')
    if doing:
        save()
    for source in doing - set(tables):
        problems.files.setdefault(source, 'no frame can be read')
    return _lines(problems)


def _former(out: Path, about: dict[str, str]) -> tuple[dict[str, FeatureTable], list[str]]:
    """Tables of the sources in a file of features, and the sources that lack frames."""
    if not out.is_file():
        return {}, []
    table = read_features(out)
    told = {'features': kind_of(table.about), **table.about}
    if any(told.get(key) != value for key, value in about.items()):
        raise ValueError(
            f'{out} was made by another model, of other features ({told["features"]}), or scaled '
            'for other bits: give --out another name, or remove it'
        )
    tables = {}
    for source, group in groupby(range(len(table.sources)), key=lambda n: table.sources[n]):
        rows = list(group)
        numbers = [table.numbers[n] for n in rows]
        tables[source] = FeatureTable(table.vectors[rows], [source] * len(rows), numbers)
    return tables, json.loads(table.about.get('incomplete', '[]'))


def _lines(problems: Problems) -> list[str]:
    frames = [
        f'{source}, frame {number}: {reason}'
        for source, reasons in problems.frames.items()
        for number, reason in reasons.items()
    ]
    return [f'{source}: {reason}' for source, reason in problems.files.items()] + frames
