"""From one file of any kind to its pictures: opened, laid out, then frame by frame."""

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.clip import Box, Clip
from usfm_mm.database.scanner import Scanner
from usfm_mm.database.screen.checks import fault, thumbnail
from usfm_mm.database.screen.colour import coloured_share, to_grey
from usfm_mm.database.screen.plausible import is_plausible
from usfm_mm.database.screen.remembered import remembered_view
from usfm_mm.database.screen.text import cover_text
from usfm_mm.database.screen.view import ScreenLayout, View, lay_out
from usfm_mm.database.types import (
    DOUBTFUL,
    FITTED,
    NOT_FITTED,
    PAINTED,
    Extraction,
    Options,
    Picture,
    RejectedError,
)

KnownScanner = Callable[[Mapping[str, str], tuple[int, int], tuple[Box, ...]], Scanner | None]
"""From the fields of a file, the width and height of its frames and its regions to its scanner."""

# Frames over which motion and standing text are looked for, and the memory they may take.
_SURVEYED = 16
_SURVEY_BYTES = 128_000_000
# Part of the picture that an overlay colours; what more than half colours is no B-mode.
_OVERLAY, _MOSTLY = 0.005, 0.5
# Part of a page that text covers.
_PAGE_TEXT = 0.2


def extract(
    path: str | Path, options: Options, seconds: float = 0, known: KnownScanner | None = None
) -> Extraction:
    """Pictures of one file.

    Args:
        path: A DICOM, video, image, NIfTI or MetaImage file, whatever its name.
        options: How pictures are made.
        seconds: Of the processor, for one file; 0: no limit.
        known: Tells the scanner, if it is one whose picture lies in a known place.

    Raises:
        RejectedError: The file gives nothing, or takes too long; a frame that gives nothing is
            counted instead.
    """
    clip = open_clip(path, options, seconds)
    step, groups, count = survey(clip, options)
    outlines: Counter[str] = Counter()
    lay = partial(_layout, clip, known, outlines)
    layouts = {frames[0].shape: lay(frames, count == 1) for frames in groups}
    rejects: Counter[str] = Counter()
    pictures = _pictures(clip, step, layouts, options, rejects, lay)
    return Extraction(pictures, rejects, clip.fields, outlines)


def survey(clip: Clip, options: Options) -> tuple[int, list[list[np.ndarray]], int]:
    """Every how manieth frame is looked at, and of these some, spread evenly, and their number.

    Returns:
        The step; grey frames, uint8 [H, W], grouped by size; and how many frames that step gives.

    Raises:
        RejectedError: Not one frame can be decoded.
    """
    step = 1
    if clip.rate and options.frames_per_second:
        step = max(round(clip.rate / options.frames_per_second), 1)
    most = options.frames_per_clip or sys.maxsize
    if clip.count:
        step = max(step, math.ceil(clip.count / most))
    groups, count = _survey(clip, step)
    return step * math.ceil(count / most), groups, count


def _layout(
    clip: Clip,
    known: KnownScanner | None,
    outlines: Counter[str],
    frames: list[np.ndarray],
    still: bool,
) -> ScreenLayout:
    """The known place of the picture, unless the frames contradict it, or the one found."""
    height, width = frames[0].shape
    scanner = known(clip.fields, (width, height), clip.regions) if known is not None else None
    if scanner is not None:
        view = remembered_view(frames, scanner, still)
        outlines[f'{FITTED if view else NOT_FITTED}: {scanner.name}'] += 1
        if view is not None:
            return ScreenLayout((view,))
    return lay_out(frames, clip.regions, still)


def _survey(clip: Clip, step: int) -> tuple[list[list[np.ndarray]], int]:
    """Grey frames spread evenly over a clip, grouped by size; and how many frames there are.

    Raises:
        RejectedError: Not one frame can be decoded.
    """
    kept: list[tuple[int, np.ndarray]] = []
    stride, seen, damaged = 1, 0, 0
    for _, pixels in clip.read(step):
        if pixels is None:
            damaged += 1
            continue
        if seen % stride == 0:
            kept.append((seen, to_grey(pixels)))
        seen += 1
        most = min(_SURVEYED, max(_SURVEY_BYTES // kept[-1][1].size, 1))
        while len(kept) > most:
            # Twice as long as thought: every second one of what was kept goes.
            stride *= 2
            kept = [(number, frame) for number, frame in kept if number % stride == 0]
    if not seen:
        if damaged:
            raise RejectedError(
                'truncated' if clip.cut_off else 'damaged', 'no frame can be decoded'
            )
        raise RejectedError('no frames')
    groups: dict[tuple[int, ...], list[np.ndarray]] = {}
    for _, frame in kept:
        groups.setdefault(frame.shape, []).append(frame)
    return list(groups.values()), seen


def _pictures(
    clip: Clip,
    step: int,
    layouts: dict[tuple[int, ...], ScreenLayout],
    options: Options,
    rejects: Counter[str],
    lay: Callable[[list[np.ndarray], bool], ScreenLayout],
) -> Iterator[Picture]:
    last: dict[Box, np.ndarray] = {}
    next_number = 0
    for number, pixels in clip.read(step):
        rejects['thinned by rate'] += number - next_number
        next_number = number + 1
        if pixels is None:
            rejects['damaged frame'] += 1
            continue
        size = pixels.shape[:2]
        if size not in layouts:  # a size that the survey did not meet
            layouts[size] = lay([to_grey(pixels)], False)
        layout = layouts[size]
        if problem := _layout_problem(layout, options):
            rejects[problem] += 1
            continue
        for view in layout.views:
            made = _picture(pixels, view, last.get(view.box), options)
            if isinstance(made, str):
                rejects[made] += 1
                continue
            last[view.box], before, clean, removed = made
            # A DICOM file, which has fields, is read only where it says that it is ultrasound.
            plausible = bool(clip.fields) or is_plausible(clean)
            if not plausible and options.implausible == 'skip':
                rejects[DOUBTFUL] += 1
                continue
            if len(layout.views) > 1:
                removed = (*removed, 'split screen cut apart')
            yield Picture(clean, number, removed, plausible, clip.spacing, before)
    rejects += Counter()  # drops zeros


def _layout_problem(layout: ScreenLayout, options: Options) -> str | None:
    if layout.fault == 'report page' and options.report_pages == 'keep':
        return None
    if len(layout.views) > 1 and options.split_screens == 'skip':
        return 'split screen'
    return layout.fault


def _picture(
    pixels: np.ndarray, view: View, last: np.ndarray | None, options: Options
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]] | str:
    """Thumbnail, pixels with text and without, and what was removed from one view; else a fault."""
    cut = view.box.cut(pixels)
    grey = to_grey(np.ascontiguousarray(cut))
    if problem := fault(grey, options.min_side):
        return problem
    coloured = coloured_share(cut)
    if coloured > _MOSTLY:
        return 'mostly coloured'
    if coloured > _OVERLAY and options.doppler == 'skip':
        return 'colour overlay'
    small = thumbnail(grey)
    if last is not None and options.similarity < 1 and small @ last > options.similarity:
        return 'similar to the frame before'

    search = options.text_search == 'every frame' and not view.searched
    clean, text = cover_text(grey, view.text, view.inside, search)
    covered = sum(box.width * box.height for box in text)
    if covered > _PAGE_TEXT * grey.size and options.report_pages == 'skip':
        return 'report page'
    if clean is None or (text and options.text == 'reject'):
        return 'burned-in text'
    removed = view.removed
    if coloured > _OVERLAY:
        removed += ('colour turned grey',)
    if text:
        removed += (PAINTED,)
    return small, grey, clean, removed
