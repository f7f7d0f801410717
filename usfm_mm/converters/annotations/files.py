"""Files of strangers: JSON and XML that do no harm, and names that stay in their folder."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from usfm_mm.converters.items import ConversionError, nfc
from usfm_mm.converters.left_out import files_below
from usfm_mm.io.image_file import IMAGE_EXTENSIONS
from usfm_mm.io.index_checks import SPLITS
from usfm_mm.io.optional import optional_import

_SPLIT_NAMES = {'training': 'train', 'valid': 'val', 'validation': 'val', 'testing': 'test'}
_SPLIT_NAMES |= {split: split for split in SPLITS}


def read_json(path: Path) -> Any:
    """Content of a JSON file in UTF-8; NaN and infinite numbers are refused.

    Raises:
        ConversionError: It cannot be read or is damaged.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8-sig'), parse_constant=_refuse)
    except OSError as error:
        raise ConversionError(f'{path} cannot be read ({error.strerror})') from error
    except (ValueError, RecursionError) as error:
        raise ConversionError(f'{path} is damaged ({error}): export it again') from error


def _refuse(constant: str) -> None:
    raise ValueError(f'{constant} is no number')


def read_xml(path: Path) -> Any:
    """Root element of an XML file; entities and other files that it asks for are refused.

    Raises:
        ConversionError: It is damaged, or declares entities.
        ModuleNotFoundError: defusedxml is not installed.
    """
    etree = optional_import('defusedxml.ElementTree', 'XML', 'usfm-mm[annotations]')
    common = optional_import('defusedxml.common', 'XML', 'usfm-mm[annotations]')
    try:
        return etree.parse(str(path), forbid_dtd=True).getroot()
    except common.DefusedXmlException as error:
        raise ConversionError(
            f'{path} declares entities or a document type, which no annotation needs and which '
            'may do harm: remove that, if you trust the file'
        ) from error
    except OSError as error:
        raise ConversionError(f'{path} cannot be read ({error.strerror})') from error
    except (etree.ParseError, ValueError) as error:
        raise ConversionError(f'{path} is damaged ({error}): export it again') from error


def inside(folder: Path, name: object, root: Path, entry: str) -> Path:
    """The path that a name in a file means, which lies below ``root``.

    Args:
        folder: That the name starts from.
        name: As it stands in the file; with slashes of either kind.
        root: Folder of the data set.
        entry: File and entry, for the message.

    Raises:
        ConversionError: It is no relative path, or leads out of ``root``.
    """
    if not isinstance(name, str) or not name.strip() or '\0' in name:
        raise ConversionError(f'{entry}: {name!r} is no name of a file')
    plain = name.replace('\\', '/')
    path = Path(os.path.normpath(folder / plain))
    absolute = plain.startswith('/') or re.match('[A-Za-z]:', plain)
    if absolute or not path.is_relative_to(os.path.normpath(root)):
        raise ConversionError(
            f'{entry}: {name!r} lies outside of {root}: only files in it are read. Write the path '
            'as it is from there'
        )
    return path


class Images:
    """All images below a folder, to be found by what annotations call them.

    Args:
        root: The folder.
        extensions: Of images, in small letters.
    """

    def __init__(self, root: Path, extensions: tuple[str, ...] = IMAGE_EXTENSIONS) -> None:
        self.root = root
        self.taken: set[Path] = set()
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for path in files_below(root):
            if path.name.lower().endswith(extensions):
                self._by_name[nfc(path.name)].append(path)

    def find(self, name: object, entry: str, split: str | None = None) -> Path:
        """The one image whose path ends with a name.

        Args:
            name: As the annotations call it.
            entry: File and entry, for the message.
            split: Of the annotations; where several images fit, a folder of the split decides.

        Raises:
            ConversionError: There is none, or several, or the name leads out of the folder.
        """
        inner = inside(self.root, name, self.root, entry).relative_to(self.root)
        wanted = PurePosixPath(nfc(inner.as_posix())).parts
        fitting = [p for p in self._by_name.get(wanted[-1], []) if _ends_with(p, wanted)]
        if self.root / inner in fitting:
            fitting = [self.root / inner]
        if len(fitting) > 1 and split:
            fitting = [p for p in fitting if split_of(p.relative_to(self.root)) == split] or fitting
        if not fitting:
            raise ConversionError(
                f'{entry}: the image {name} is not in {self.root}: add it, or remove the entry'
            )
        if len(fitting) > 1:
            raise ConversionError(
                f'{entry}: {name} may be {fitting[0]} or {fitting[1]}: remove or rename one'
            )
        self.taken.add(fitting[0])
        return fitting[0]

    def take_once(self, name: object, entry: str, split: str | None = None) -> Path:
        """As :meth:`find`, of an image that no other entry may have.

        Raises:
            ConversionError: Another entry has it, too.
        """
        before = set(self.taken)
        path = self.find(name, entry, split)
        if path in before:
            raise ConversionError(
                f'{entry}: {path} has been annotated by another entry already: remove one of them'
            )
        return path

    def left(self) -> list[str]:
        """Paths of the images that nothing asked for, relative to the folder."""
        every = {path for paths in self._by_name.values() for path in paths}
        return sorted(p.relative_to(self.root).as_posix() for p in every - self.taken)


def _ends_with(path: Path, parts: tuple[str, ...]) -> bool:
    return tuple(map(nfc, path.parts[-len(parts) :])) == parts


def split_of(path: Path | PurePosixPath) -> str | None:
    """Split that a path names in a folder or in its file, the last one that does.

    Example:
        >>> [split_of(Path(p)) for p in ('train2017/a.png', 'instances_val.json', 'a/test_b.png')]
        ['train', 'val', None]
    """
    *folders, name = path.parts
    stem = re.split(r'[_\-. ]', name.rpartition('.')[0].lower())
    words = [re.sub(r'\d{4}$', '', folder.lower()) for folder in folders]
    if name.lower().endswith(('.json', '.xml', '.txt')):
        words += stem
    return next((_SPLIT_NAMES[w] for w in reversed(words) if w in _SPLIT_NAMES), None)


def field(entry: Mapping | object, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """A field of an entry that has to be of a kind.

    Raises:
        ConversionError: It is missing or of another kind.
    """
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConversionError(f'{where}: {key} is missing or wrong ({value!r:.40})')
    return value
