"""Whether the pictures of many files lie in one place on a scanner's screen.

The search loses dark parts of a picture, so that a file whose picture lies within that of most
does not speak against it, unless such files agree with each other on a place of their own.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.scanner import Key, Scanner, filled

# Intersection over union of an outline and that of most: the files agree. Part of an outline that
# may lie outside: it lies within.
_LEAST_IOU, _MOST_OUTSIDE = 0.9, 0.05
# Files that another probe shows elsewhere agree closely, dark ones do not: by this; and these parts
# of all files and of those elsewhere make a second place.
_SAME_IOU, _SECOND, _OF_OTHERS = 0.95, 0.1, 0.5
# Files of one patient that count, so that one with many does not speak for the device.
_OF_A_PATIENT = 5
# Pixels of the screen by which corners may leave the agreed outline to be fewer.
_SIMPLER = 1.0


@dataclass(frozen=True)
class Seen:
    """The layout of one file's screen. PRIVATE: it is never written.

    Attributes:
        key: Device, size and regions.
        order: Hash of the file's name, by which a few are taken of many.
        patient: None where not known; all such files count as of one patient.
        outline: Corners x, y of its one picture, in pixels; None for none or several.
        text: Boxes of text on the screen.
    """

    key: Key
    order: bytes
    patient: str | None
    outline: tuple[tuple[int, int], ...] | None
    text: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Needs:
    """What is asked for before a scanner's outline is taken.

    Attributes:
        files: That agree, at least.
        patients: Of whom they are, at least.
        share: Of the files whose picture is where that of most is or within it, at least.

    Raises:
        ValueError: A number is out of range.
    """

    files: int = 20
    patients: int = 5
    share: float = 0.8

    def __post_init__(self) -> None:
        if self.files < 1 or self.patients < 1:
            raise ValueError('files and patients that must agree are 1 or more')
        if not 0.5 < self.share <= 1:
            raise ValueError(
                f'the share that agrees must be above 0.5, at most 1, got {self.share}'
            )


@dataclass(frozen=True)
class Agreement:
    """What the files of one device and size say.

    Attributes:
        key: Device, size and regions.
        files: With one picture on the screen, those beyond five of a patient not counted.
        patients: Of how many patients these are.
        votes: Share of the files in whose outline each pixel is, float32 [H, W]; empty for none.
        scanner: What they agree on; None if they do not.
        why: What was missing, '' for nothing.
    """

    key: Key
    files: int
    patients: int
    votes: np.ndarray
    scanner: Scanner | None
    why: str = ''


def agreements(seen: Iterable[Seen], needs: Needs) -> list[Agreement]:
    """What the files of each device and size agree on, in whatever order they come.

    Args:
        seen: Of the files.
        needs: What is asked for.

    Returns:
        By key.
    """
    groups: dict[Key, list[Seen]] = {}
    for one in sorted(seen, key=lambda one: one.order):
        groups.setdefault(one.key, [])
        if one.outline is not None:
            groups[one.key].append(one)
    keys = sorted(groups, key=lambda key: (*key[:2], [vars(box).values() for box in key[2]]))
    return [_agreement(key, _few_of_each(groups[key]), needs) for key in keys]


def _few_of_each(seen: list[Seen]) -> list[Seen]:
    taken: Counter[str | None] = Counter()
    few = []
    for one in seen:
        taken[one.patient] += 1
        if one.patient is None or taken[one.patient] <= _OF_A_PATIENT:
            few.append(one)
    return few


def _agreement(key: Key, seen: list[Seen], needs: Needs) -> Agreement:
    width, height = key[1]
    if not seen:
        return Agreement(key, 0, 0, np.zeros((0, 0), np.float32), None, 'no picture was found')
    first = _votes(seen, (height, width))
    agreeing = _like(seen, first > 0.5)
    votes = _votes(agreeing, (height, width)) if agreeing else first
    agreeing = _like(seen, votes > 0.5)
    others = [one for one in seen if one not in agreeing]
    share = len(agreeing) / len(seen)
    within = share + sum(_is_within(one, votes > 0.5) for one in others) / len(seen)
    patients = len({one.patient for one in agreeing})
    about = key, len(seen), len({one.patient for one in seen}), first
    if share <= 0.5 or within < needs.share:
        return Agreement(*about, None, f'{share:.0%} agree, {within:.0%} are within')
    if _have_own_place(others, len(seen), (height, width)):
        return Agreement(*about, None, 'there is a second place')
    if len(agreeing) < needs.files:
        return Agreement(*about, None, f'too few files: {len(agreeing)} of {needs.files}')
    if patients < needs.patients:
        return Agreement(*about, None, f'too few patients: {patients} of {needs.patients}')
    scanner = Scanner(
        *key,
        outline=hull_of(votes > 0.5, _SIMPLER),
        banner=_banner(agreeing, (height, width)),
        files=len(agreeing),
        patients=patients,
        agreeing=round(share, 3),
        within=round(within, 3),
    )
    return Agreement(*about, scanner)


def hull_of(mask: np.ndarray, simpler: float = 0) -> tuple[tuple[int, int], ...]:
    """Corners x, y of the convex hull of a mask, bool [H, W], that is not empty.

    Args:
        mask: The mask.
        simpler: Pixels by which the hull may be left to have fewer corners.

    >>> sorted(hull_of(np.ones((2, 3), bool)))
    [(0, 0), (0, 1), (2, 0), (2, 1)]
    """
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    hull = cv2.convexHull(np.concatenate(contours))
    if simpler:
        hull = cv2.convexHull(cv2.approxPolyDP(hull, simpler, True))
    return tuple((x, y) for x, y in hull[:, 0].tolist())


def _votes(seen: list[Seen], shape: tuple[int, int]) -> np.ndarray:
    total = np.zeros(shape, np.uint32)
    for one in seen:
        total += filled(one.outline or (), shape)
    return (total / len(seen)).astype(np.float32)


def _like(seen: list[Seen], mask: np.ndarray, least: float = _LEAST_IOU) -> list[Seen]:
    like = []
    for one in seen:
        own = filled(one.outline or (), (mask.shape[0], mask.shape[1]))
        if (own & mask).sum() >= least * (own | mask).sum():
            like.append(one)
    return like


def _is_within(one: Seen, mask: np.ndarray) -> bool:
    own = filled(one.outline or (), (mask.shape[0], mask.shape[1]))
    return bool((own & ~mask).sum() <= _MOST_OUTSIDE * own.sum())


def _have_own_place(others: list[Seen], files: int, shape: tuple[int, int]) -> bool:
    """Do files whose picture lies elsewhere agree, as those of another probe would?"""
    if not others:
        return False
    alike = _like(others, _votes(others, shape) > 0.5, _SAME_IOU)
    return len(alike) > max(_OF_OTHERS * len(others), _SECOND * files)


def _banner(seen: list[Seen], shape: tuple[int, int]) -> tuple[Box, ...]:
    """Boxes around the places where most files have text."""
    total = np.zeros(shape, np.uint32)
    for one in seen:
        own = np.zeros(shape, bool)
        for box in one.text:
            box.cut(own)[:] = True
        total += own
    most = (total > len(seen) / 2).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(most, connectivity=8)
    boxes = ((x, y, x + width, y + height) for x, y, width, height, _ in stats[1:].tolist())
    return tuple(Box(*box) for box in sorted(boxes))
