"""Sheets of pictures beside the journal, for a look before a database is shared. PRIVATE."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import cv2

from usfm_mm.io.atomic import write_atomic
from usfm_mm.visualization.figures import figure_to_array
from usfm_mm.visualization.tiles import Tile, tile_panel

FOLDER = 'review'
_KINDS = {
    'pictures': 'in the database',
    'text': 'before, outlined, and after text was painted over',
    'rejected': 'nothing taken',
}
_CONTENT_NAME = 'content.txt'
_DPI = 175  # a picture of 256 pixels is shown at its own size
_BLOCK = 1 << 20


def content_hash(index: Path) -> str:
    """SHA-256 of an index, in which images are called by hashes of their pixels."""
    digest = hashlib.sha256()
    with open(index, 'rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_sheet(private: Path, kind: str, number: int, title: str, tiles: Sequence[Tile]) -> Path:
    """Draw one sheet, six pictures in a row.

    Args:
        private: Folder of the journal.
        kind: 'pictures', 'text' or 'rejected'.
        number: Of the sheet among those of its kind.
        title: For instance the device.
        tiles: The pictures; where one has a ``prediction``, it is outlined.

    Returns:
        Its file.
    """
    name = re.sub(r'\W+', '_', title)[:40].strip('_')
    path = private / FOLDER / f'{kind}_{number:02d}_{name}.png'
    title = f'{title}: {_KINDS[kind]}'.replace('$', r'\$')  # a dollar sign would begin a formula
    figure = tile_panel({'': tiles}, ('', 'text'), title)
    figure.legends.clear()  # of a truth and a model's prediction
    figure.set_dpi(_DPI)
    drawn = cv2.imencode('.png', figure_to_array(figure)[..., ::-1])[1]
    path.parent.mkdir(exist_ok=True, mode=0o700)
    write_atomic(path, drawn.tobytes())
    return path


def sheets_done(private: Path, index: Path) -> None:
    """Note that the sheets are of this index."""
    write_atomic(private / FOLDER / _CONTENT_NAME, content_hash(index).encode())


def are_of(private: Path, index: Path) -> bool:
    """Were sheets drawn of just this index?"""
    noted = private / FOLDER / _CONTENT_NAME
    return noted.is_file() and index.is_file() and noted.read_text() == content_hash(index)


def discard_sheets(private: Path) -> None:
    """Remove the sheets: they may show who has withdrawn."""
    for path in (private / FOLDER).glob('*'):
        path.unlink()
