"""What the command line and a table add to the items of one's own data."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from usfm_mm.converters.items import Item
from usfm_mm.converters.patients import NONE, patient_in, refuse_to_guess
from usfm_mm.converters.table import Known, Table
from usfm_mm.io.index_checks import SPLITS


def complete(
    items: Iterable[Item],
    root: Path,
    organ: str,
    patients: str | None,
    told: Table | None,
    patients_told: bool = False,
    hints: Sequence[str] = (),
) -> list[Item]:
    """Items with the organ, patient, class and split that are told of them.

    Args:
        items: As read; those of one file (slices, frames) share its row of the table.
        root: Folder of the data set.
        organ: Of those that have none.
        patients: Regular expression for file names, 'none', or None.
        told: The table, if there is one.
        patients_told: Does the data set itself tell the items' patients?
        hints: Sentences on what else may tell them.

    Raises:
        ConversionError: The table or the expression does not fit, or names seem to tell patients
            and nobody says whether they do.
    """
    completed = []
    known: dict[Path, Known] = {}
    for item in items:
        if told and not (item.read and item.image in known):
            known[item.image] = told.take(item.image, root)
        row = known.get(item.image, Known())
        patient = row.patient
        if patient is None and patients not in (None, NONE):
            patient = patient_in(item.image, str(patients))
        patients_told = patients_told or bool(patient)
        completed.append(
            replace(
                item,
                organ=item.organ or organ,
                patient=patient or item.patient,
                label=row.label or item.label,
                split=row.split or item.split,
            )
        )
    if told:
        told.check_all_taken(root)
    drawn = {item.split for item in completed} != set(SPLITS)
    if patients is None and drawn and not patients_told:
        files = dict.fromkeys(item.image for item in completed)
        refuse_to_guess([path.name for path in files], hints)
    return completed
