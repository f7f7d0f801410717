"""All files about one source, written frame by frame; its table comes last."""

from colorsys import hsv_to_rgb
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.inference.answers import (
    Classification,
    Enhancement,
    Measurement,
    Reconstruction,
    Segmentation,
)
from usfm_mm.inference.formats.clip import clip_writer
from usfm_mm.inference.formats.png import write_array, write_mask, write_png
from usfm_mm.inference.formats.table import Answer, problem_row, row_of
from usfm_mm.inference.output_folder import table_path
from usfm_mm.io.table import write_table
from usfm_mm.visualization.overlay import captioned, heat, overlay, side_by_side

FORMATS = {
    'segment': ('mask', 'overlay', 'clip', 'nifti', 'dicom-seg'),
    'classify': ('overlay', 'clip'),
    'enhance': ('image',),
    'pretrain': ('image',),
}
"""What can be written for each task."""

DEFAULTS = {
    'segment': ('mask', 'overlay'),
    'classify': ('overlay',),
    'enhance': ('image',),
    'pretrain': ('image',),
}


class SourceWriter:
    """Writes what is asked for about one source.

    Args:
        folder: The folder of all.
        name: Of the source, see :func:`~usfm_mm.inference.sources.names_of`.
        source: Its path.
        formats: Of :data:`FORMATS`.
        cards: Of the models.
    """

    def __init__(
        self, folder: Path, name: str, source: Path, formats: tuple[str, ...], cards: list[Any]
    ) -> None:
        self.folder, self.name, self.source = folder, name, source
        self.formats, self.cards = formats, cards
        self._rows: list[dict[str, Any]] = []
        self._masks: list[np.ndarray] = []
        self._header: Any = None
        self._stack = ExitStack()
        self._clip: Any = None
        self._first: Answer | None = None

    def add(self, answer: Answer) -> None:
        """Write what belongs to one frame."""
        self._rows.append(row_of(answer))
        if isinstance(answer, Segmentation):
            if 'mask' in self.formats:
                write_mask(self._path('masks', answer), answer.mask, palette_of(self.cards[0]))
            if 'nifti' in self.formats:
                self._masks.append(answer.mask)
            if 'dicom-seg' in self.formats:
                self._add_dicom_seg(answer)
        if 'image' in self.formats:
            write_png(self._path('images', answer), drawn(answer, self.cards[0]))
        if 'overlay' in self.formats:
            write_png(self._path('overlays', answer), drawn(answer, self.cards[0]))
        if isinstance(answer, Classification) and answer.explanation is not None:
            picture = heat(answer.frame.pixels, answer.explanation)
            write_png(self._path('explained', answer), picture)
            write_array(self._path('explained', answer, 'npy'), answer.explanation)
        if 'clip' in self.formats and answer.frame.several:
            self._add_to_clip(answer)
        self._first = self._first or answer

    def _path(self, kind: str, answer: Answer, ending: str = 'png') -> Path:
        if not answer.frame.several:
            return self.folder / kind / f'{self.name}.{ending}'
        return self.folder / kind / self.name / f'{answer.frame.number:05d}.{ending}'

    def _add_dicom_seg(self, answer: Segmentation) -> None:
        from usfm_mm.inference.formats.dicom_seg import read_header, write_dicom_seg

        if self._header is None:
            self._header = read_header(self.source)
        if self._header:  # of what is no DICOM there is none
            path = self._path('dicom-seg', answer, 'dcm')
            write_dicom_seg(path, answer.mask, answer.frame.number, self._header, self.cards[0])

    def _add_to_clip(self, answer: Answer) -> None:
        if self._clip is None:
            path = self.folder / 'clips' / f'{self.name}.mp4'
            self._clip = self._stack.enter_context(clip_writer(path, answer.frame.rate))
        self._clip(drawn(answer, self.cards[0]))

    def finish(self, problems: dict[int, str]) -> None:
        """Write what takes all frames, and then the table.

        Args:
            problems: Why frames could not be read, by their number.
        """
        self._stack.close()
        if self._masks and self._first is not None:
            from usfm_mm.inference.formats.nifti import write_nifti

            path = self.folder / 'nifti' / f'{self.name}.nii.gz'
            write_nifti(path, np.stack(self._masks), self._first.frame, self.source)
        self._rows += [
            problem_row(str(self.source), number, reason, self._rows[0])
            for number, reason in problems.items()
        ]
        rows = sorted(self._rows, key=lambda row: row['frame'])
        write_table(table_path(self.folder, self.name), rows)

    def give_up(self) -> None:
        """Leave out what was begun: the source broke off."""
        try:
            with self._stack:
                raise _BrokenOffError
        except _BrokenOffError:
            pass


class _BrokenOffError(Exception):
    pass


def palette_of(card: Any) -> list[tuple[int, int, int]]:
    """RGB colours of the classes, background black where the card has none."""
    if card.palette:
        return [(red, green, blue) for red, green, blue in card.palette]
    count = max(len(card.classes) - 1, 1)
    hues = [hsv_to_rgb((1 / 3 + number / count) % 1, 1, 0.9) for number in range(count)]
    return [(0, 0, 0), *((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in hues)]


def drawn(answer: Answer, card: Any) -> np.ndarray:
    """The picture that shows an answer: uint8, grey [H, W] or RGB [H, W, 3]."""
    if isinstance(answer, Segmentation):
        return overlay(answer.frame.pixels, answer.mask, palette_of(card))
    if isinstance(answer, (Classification, Measurement)):
        return captioned(answer.frame.pixels, _caption(answer))
    if isinstance(answer, Reconstruction):
        return side_by_side(
            [
                answer.masked,
                answer.image,
                answer.frame.pixels,
                heat(answer.image, answer.error, 255),
            ]
        )
    assert isinstance(answer, Enhancement)
    return answer.image


def _caption(answer: Classification | Measurement) -> str:
    if isinstance(answer, Measurement):
        return ', '.join(f'{name} {value:.4g}' for name, value in answer.values.items())
    if answer.findings is not None:
        return ', '.join(f'{name} {score:.2f}' for name, score in answer.scores.items())
    best = max(answer.scores.values())
    return f'{answer.label} {best:.2f}' if answer.label else f'no class (best {best:.2f})'
