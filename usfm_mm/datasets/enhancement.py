"""Images of low and of high quality, in pairs or unpaired."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init

from usfm_mm.datasets.seeding import SeededIndex, seeded
from usfm_mm.io.image_file import IMAGE_EXTENSIONS, BadImageError, image_size
from usfm_mm.registry import DATASETS

_DOMAINS = ('img_A', 'img_B')
_SUFFIX = re.compile(rf'({"|".join(map(re.escape, IMAGE_EXTENSIONS))})(\s|$)', re.IGNORECASE)


@DATASETS.register_module()
class EnhancementDataset(BaseDataset):
    """Images of domain A (low quality) and B (high quality), for mmagic's translation models.

    An image of A and its counterpart in B have the same name, suffix aside. Which images are taken
    says a list with lines ``NAME.png organ``; the organ may be left out, and is ``unknown`` then.
    The name ends at the first suffix of an image, or without one at the first blank. Without a
    list, all images of both folders are taken.

    Paired, item n is image n of A with its counterpart. Unpaired, it is image n of A with one of B
    drawn at random, and a name need only be in one of the folders. What the pipeline gets:
    ``img_A_path``, ``img_B_path``, ``organ`` (of A), ``organ_id`` and ``sample_idx``.

    The random numbers of the draw from B and of the pipeline come from the draw's own seed where
    the index is a :class:`~usfm_mm.datasets.seeding.SeededIndex`, as
    ``usfm_mm.ShuffleSampler`` gives it: then an item does not depend on the worker that makes
    it. With another sampler they come from numpy's global generator, which mmengine seeds for each
    worker. ``usfm_mm.OrganBalancedSampler`` balances the organs of A.

    Args:
        data_root: Folder that the other paths start from.
        ann_file: The list; none by default.
        data_prefix: Folders of ``img_A`` and ``img_B``.
        paired: Whether A and B are taken in pairs. A test always is.
        pipeline: Transforms.
        test_mode: As in mmengine.

    Raises:
        FileNotFoundError: A folder or the list is missing, or an image has no counterpart.
        ValueError: A folder or the list is empty, the list is not in UTF-8 or names an image twice,
            two images of a folder have one name, a file is no image or cut off, the images of a
            pair differ in size, or a test is unpaired.
    """

    def __init__(
        self,
        data_root: str | os.PathLike = '',
        ann_file: str = '',
        data_prefix: dict | None = None,
        paired: bool = True,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
    ) -> None:
        if test_mode and not paired:
            raise ValueError('images can only be tested in pairs: paired=False is for training')
        self.paired = paired
        super().__init__(
            data_root=os.fspath(data_root),
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_A='low_quality', img_B='high_quality'),
            pipeline=list(pipeline),
            test_mode=test_mode,
        )

    def load_data_list(self) -> list[dict]:
        """Images of A with their organs and, paired, counterparts; see the class for errors."""
        files = {domain: _images(self.data_prefix[domain]) for domain in _DOMAINS}
        if self.ann_file:
            organ_of = _read_list(self.ann_file)
        else:
            organ_of = dict.fromkeys(sorted({*files['img_A'], *files['img_B']}), 'unknown')
        for name in organ_of:
            missing = [domain for domain in _DOMAINS if name not in files[domain]]
            if missing and (self.paired or len(missing) == 2):
                raise FileNotFoundError(self._missing(name, missing))
        organs = sorted(set(organ_of.values()))
        self._metainfo['organs'] = organs
        self._paths_b = [files['img_B'][name] for name in organ_of if name in files['img_B']]
        rows = []
        for name, organ in organ_of.items():
            paths = [files[domain][name] for domain in _DOMAINS if name in files[domain]]
            sizes = [_size(path) for path in paths]
            if self.paired and sizes[0] != sizes[1]:
                (width, height), (other_width, other_height) = sizes
                raise ValueError(
                    f'{paths[0]} has {width}×{height} pixels, its counterpart {paths[1]} '
                    f'{other_width}×{other_height}: the images of a pair have one size'
                )
            if name in files['img_A']:
                row = dict(img_A_path=paths[0], organ=organ, organ_id=organs.index(organ))
                rows.append(dict(row, img_B_path=paths[1]) if self.paired else row)
        if not rows or not self._paths_b:
            raise ValueError(
                f'{self.ann_file} names no image of '
                f'{self.data_prefix["img_B" if rows else "img_A"]}: both domains need images'
            )
        self._organ_ids = np.array([row['organ_id'] for row in rows], np.int32)
        return rows

    @property
    @force_full_init
    def organ_ids(self) -> np.ndarray:
        """Organ of every image of A, int32 [N], as positions in ``metainfo['organs']``."""
        return self._organ_ids

    def get_data_info(self, idx: int) -> dict:
        """Paths and organ of an item; unpaired, the path in B is drawn here."""
        info = super().get_data_info(idx)
        if not self.paired:
            info['img_B_path'] = self._paths_b[np.random.randint(len(self._paths_b))]
        return info

    def __getitem__(self, idx: int) -> dict:
        """One item after the pipeline.

        Args:
            idx: Position in the data set; as ``SeededIndex``, with the draw's seed.
        """
        with seeded(idx.seed) if isinstance(idx, SeededIndex) else nullcontext():
            return super().__getitem__(int(idx))

    def _missing(self, name: str, domains: Sequence[str]) -> str:
        folders = ' and '.join(self.data_prefix[domain] for domain in domains)
        where = f'{self.ann_file} lists' if self.ann_file else 'the other folder has'
        return (
            f'{folders} has no image {name}, but {where} it. A line of a list is "NAME.png organ"; '
            'paired=False trains on images without counterparts'
        )


def _images(folder: str) -> dict[str, str]:
    """Paths of the images in a folder by their names without suffix."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(f'{folder}: no such folder; set data_root or data_prefix')
    paths: dict[str, str] = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name, suffix = os.path.splitext(entry.name)
            if suffix.lower() not in IMAGE_EXTENSIONS or name.startswith('.'):
                continue
            if name in paths:
                raise ValueError(f'{entry.path} and {paths[name]} have one name: remove one')
            paths[name] = entry.path
    if not paths:
        raise ValueError(f'{folder} has no image ({", ".join(IMAGE_EXTENSIONS)})')
    return paths


def _read_list(path: str) -> dict[str, str]:
    """Organ of each image that a list names, in its order."""
    if not Path(path).is_file():
        raise FileNotFoundError(
            f'{path}: no such list; "usfm prepare" writes it, and ann_file="" takes all '
            'images of the folders'
        )
    organ_of: dict[str, str] = {}
    for line in _lines(path):
        name, organ = _name_and_organ(line)
        if name in organ_of:
            raise ValueError(
                f'{path} lists {name} twice: remove one line, or where blanks belong to the names, '
                'write these with their suffix'
            )
        organ_of[name] = organ or 'unknown'
    if not organ_of:
        raise ValueError(f'{path} is empty')
    return organ_of


def _lines(path: str) -> list[str]:
    """Lines of a list that are not blank, without blanks around them."""
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not in UTF-8 ({error}): save it as such') from error
    return [line.strip() for line in lines if line.strip()]


def _name_and_organ(line: str) -> tuple[str, str]:
    """Name without suffix and organ of a line; the organ is empty where there is none."""
    suffix = _SUFFIX.search(line)
    if suffix:
        return line[: suffix.start()], line[suffix.end() :].strip()
    name, _, organ = line.partition(' ')
    return name, organ.strip()


def _size(path: str) -> tuple[int, int]:
    try:
        return image_size(path)
    except BadImageError as error:
        raise ValueError(f'{path}: {error}; restore it or leave it out') from error
