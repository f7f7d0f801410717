"""The file of scanners whose picture always lies in one place on the screen.

YAML that ``usfm learn-scanners`` writes, that is looked at, and that ``usfm build-database
--scanners FILE`` reads. It holds names of devices as the rules give them, sizes, places on the
screen and counts; no pixel and nothing else of a file or header.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
import yaml

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.scanner import Key, Scanner

SCANNERS_NAME = 'scanners.yaml'
"""What a copy beside the journal is called."""

_KEYS = (
    'device',
    'size',
    'regions',
    'outline',
    'banner',
    'files',
    'patients',
    'agreeing',
    'within',
)
_HEAD = """\
# Places of the picture on scanners' screens, which "usfm learn-scanners" found on many files.
# Look at the drawing beside this file; delete the entries that you do not trust.
# All places are in pixels: size is [width, height]; boxes are [left, top, right, bottom], the last
# two exclusive; outline is the corners [x, y] of a convex polygon.
"""


class ScannersError(ValueError):
    """A file of scanners that cannot be used; the message names the file and the entry."""


def to_text(scanners: Iterable[Scanner]) -> str:
    """The file's content; the same for the same scanners, in whatever order they are."""
    ordered = sorted(scanners, key=lambda one: (one.device, one.size, _lists(one.regions)))
    entries = [
        {
            'device': one.device,
            'size': list(one.size),
            'regions': _lists(one.regions),
            'outline': [list(corner) for corner in one.outline],
            'banner': _lists(one.banner),
            'files': one.files,
            'patients': one.patients,
            'agreeing': one.agreeing,
            'within': one.within,
        }
        for one in ordered
    ]
    return _HEAD + yaml.safe_dump({'scanners': entries}, sort_keys=False, allow_unicode=True)


def fingerprint(scanners: Iterable[Scanner]) -> str:
    """SHA-256 of their content, 16 hexadecimal digits; 'none' where there are none."""
    scanners = tuple(scanners)
    return hashlib.sha256(to_text(scanners).encode()).hexdigest()[:16] if scanners else 'none'


def read_scanners(path: Path) -> tuple[Scanner, ...]:
    """Read a file of scanners.

    Raises:
        ScannersError: It is none, or an entry is wrong.
        OSError: It cannot be read.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = ' '.join(str(error).split())
        raise ScannersError(f'{path} is not YAML: {told}') from error
    entries = content.get('scanners') if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ScannersError(f'{path} must have a list "scanners", as "usfm learn-scanners" writes')
    scanners: dict[Key, Scanner] = {}
    for number, entry in enumerate(entries, 1):
        try:
            scanner = _scanner(entry)
        except (TypeError, ValueError, KeyError) as error:
            raise ScannersError(f'{path}: scanner {number}: {error}') from error
        if scanner.key in scanners:
            raise ScannersError(f'{path}: scanner {number}: {scanner.name} is there twice')
        scanners[scanner.key] = scanner
    return tuple(scanners.values())


def kept_scanners(private: Path, stored: str) -> tuple[Scanner, ...]:
    """Those that a database was built with, from the copy beside its journal.

    Args:
        private: Folder of the journal.
        stored: Their fingerprint, as the settings have it.
    """
    return () if stored == 'none' else read_scanners(private / SCANNERS_NAME)


def _scanner(entry: object) -> Scanner:
    if not isinstance(entry, dict) or set(entry) != set(_KEYS):
        raise ValueError(f'must have the keys {", ".join(_KEYS)}')
    width, height = size = _numbers('size', entry['size'], 2)
    if min(size) < 1:
        raise ValueError(f'size must be positive, got {list(size)}')
    outline = tuple(_numbers('outline', corner, 2) for corner in _list('outline', entry))
    hull = cv2.convexHull(np.array(outline, np.int32).reshape(-1, 2)) if outline else ()
    if len(hull) < 3 or len(hull) != len(outline):
        raise ValueError('outline must be the corners of a convex polygon')
    if any(not (0 <= x < width and 0 <= y < height) for x, y in outline):
        raise ValueError(f'outline leaves the screen of {width} × {height}')
    files, patients = _numbers('files, patients', [entry['files'], entry['patients']], 2)
    for name in ('agreeing', 'within'):
        if isinstance(entry[name], bool) or not isinstance(entry[name], int | float):
            raise ValueError(f'{name} must be a number, got {entry[name]!r}')
    shares = {name: float(entry[name]) for name in ('agreeing', 'within')}
    device = entry['device']
    if not isinstance(device, str) or not device:
        raise ValueError(f'device must be a name, got {device!r}')
    regions, banner = (_boxes(name, entry, size) for name in ('regions', 'banner'))
    return Scanner(device, size, regions, outline, banner, files, patients, **shares)


def _list(name: str, entry: Mapping) -> list:
    if not isinstance(entry[name], list):
        raise ValueError(f'{name} must be a list, got {entry[name]!r}')
    return entry[name]


def _boxes(name: str, entry: Mapping, size: tuple[int, int]) -> tuple[Box, ...]:
    boxes = tuple(Box(*_numbers(name, box, 4)) for box in _list(name, entry))
    for box in boxes:
        if not (0 <= box.left < box.right <= size[0] and 0 <= box.top < box.bottom <= size[1]):
            raise ValueError(f'{name}: {_lists([box])[0]} is no box on the screen')
    return boxes


def _numbers(name: str, value: object, count: int) -> tuple:
    if (
        not isinstance(value, list)
        or len(value) != count
        or any(isinstance(number, bool) or not isinstance(number, int) for number in value)
    ):
        raise ValueError(f'{name}: {value!r} should be {count} whole numbers')
    return tuple(value)


def _lists(boxes: Iterable[Box]) -> list[list[int]]:
    return [[box.left, box.top, box.right, box.bottom] for box in boxes]
