"""Patients as file names tell them."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from usfm_mm.converters.items import ConversionError, nfc

NONE = 'none'
"""Given in place of a pattern: each image is a patient of its own."""
# 12_3.png, P01_IMG2.png, case-7 (2).png; then T1_p7_3.png; then P7IMG2.png.
_PATTERNS = (
    r'^(\D*\d+)[_\- (]+\w',
    r'^(.*\d)[_\-. (]+\D*\d+\D*$',
    r'^([A-Za-z]+\d+)[A-Za-z]+\d+\D*$',
)


def patient_in(image: Path, pattern: str) -> str:
    """Patient in an image's file name: the first group of a pattern, or all that it matches.

    Raises:
        ConversionError: It finds nothing.

    Example:
        >>> patient_in(Path('scans/100_1.png'), '^[0-9]+')
        '100'
    """
    found = re.search(pattern, nfc(image.name))
    patient = found and found[1 if found.re.groups else 0]
    if not patient:
        raise ConversionError(
            f"--patients '{pattern}' finds no patient in the name of {image}: correct it, or "
            f'write "--patients {NONE}" where names do not tell'
        )
    return patient


def check_pattern(pattern: str | None) -> None:
    """Refuse what is no regular expression, but for "none".

    Raises:
        ConversionError: It is none.
    """
    if pattern in (None, NONE):
        return
    try:
        re.compile(str(pattern))
    except re.error as error:
        raise ConversionError(
            f"--patients '{pattern}' is no regular expression ({error}): correct it; a bracket "
            r'that stands for itself is written \( or \)'
        ) from error


def refuse_to_guess(names: Sequence[str], hints: Sequence[str] = ()) -> None:
    """Refuse to go on where names seem to tell patients, and nobody has said whether they do.

    Args:
        names: Of the files of all images.
        hints: Sentences on what else may tell them.

    Raises:
        ConversionError: A pattern makes fewer patients than images; the message proposes it.

    Example:
        >>> refuse_to_guess(['1.png', '2.png'])
    """
    for pattern in _PATTERNS:
        found = [re.search(pattern, nfc(name)) for name in names]
        patients = [match[1] for match in found if match]
        count = len(set(patients))
        if len(patients) < len(names) or not 2 <= count < len(names):
            continue
        several = Counter(patients).most_common(1)[0][0]
        examples = [name for name, p in zip(names, patients, strict=True) if p == several][:2]
        raise ConversionError(
            f'names such as {" and ".join(examples)} seem to be of one patient ({several}), whose '
            f"images belong into one split: --patients '{pattern}' makes {count} patients of "
            f'{len(names)} images. Give that, another regular expression, or "--patients {NONE}" '
            'where each image is a patient of its own' + ''.join(f'. {hint}' for hint in hints)
        )
