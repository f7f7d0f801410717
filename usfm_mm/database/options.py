"""What is the same for all images of a database, and its part of the command line."""

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args, get_type_hints

from usfm_mm.database.likeness import DUPLICATE_HAMMING
from usfm_mm.database.near import HAMMING_LIMIT
from usfm_mm.database.types import Options


@dataclass(frozen=True)
class Settings:
    """What must be the same in every run on one database.

    Attributes:
        size: Side of the images in pixels, 0 to keep theirs.
        packed: One LMDB file instead of PNG files.
        max_hamming: Bits in which the perceptual hashes of near duplicates differ at most.
        val_fraction: Share of each organ's images held out as split "val".
        scanners: :func:`~usfm_mm.database.scanners_file.fingerprint` of the known scanners.
        options: How pictures are made.

    Raises:
        ValueError: A number is out of range.
    """

    size: int = 256
    packed: bool = False
    max_hamming: int = DUPLICATE_HAMMING
    val_fraction: float = 0.01
    scanners: str = 'none'
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if not 0 <= self.size <= 4096:
            raise ValueError(f'size must be from 0 to 4096 pixels, got {self.size}')
        if not 0 <= self.max_hamming <= HAMMING_LIMIT:
            raise ValueError(
                f'max_hamming must be from 0 to {HAMMING_LIMIT} bits, got {self.max_hamming}'
            )
        if not 0 < self.val_fraction < 1:
            raise ValueError(f'val_fraction must be in (0, 1), got {self.val_fraction}')

    def flat(self) -> dict[str, object]:
        """All of them by name, those of the pictures among them.

        >>> Settings(size=128).flat()['size'], Settings().flat()['doppler']
        (128, 'skip')
        """
        content = asdict(self)
        return {**content.pop('options'), **content}

    @classmethod
    def of(cls, flat: Mapping[str, Any]) -> 'Settings':
        """Those that :meth:`flat` gave; what is not there has its default.

        >>> Settings.of(Settings(size=128).flat()).size
        128
        """
        options = Options(**{name: flat[name] for name in vars(Options()) if name in flat})
        own = {name: flat[name] for name in vars(cls()) if name in flat}
        return cls(**own, options=options)


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add what :class:`Options` has: how pictures are made."""
    hints = get_type_hints(Options)
    for name, value in vars(Options()).items():
        choices = get_args(hints[name])
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            default=value,
            type=float if type(None) in choices else type(value),
            choices=choices if choices and type(None) not in choices else None,
            help='default: %(default)s',
        )


def options_of(args: argparse.Namespace) -> Options:
    """The options on a parsed command line; 0 frames per second are all."""
    values = {name: getattr(args, name) for name in vars(Options())}
    values['frames_per_second'] = values['frames_per_second'] or None
    return Options(**values)
