"""What the commands of inference say on the error stream, beside their answer."""

import sys
from collections.abc import Sequence

from rich.console import Console

from usfm_mm.inference.sources import Listing
from usfm_mm.io.mask_names import mask_affix, means_mask

_NAMED = 3


def console() -> Console:
    """Where progress is shown."""
    return Console(stderr=True)


def tell_others(listing: Listing) -> None:
    """Name files of folders that are left out as no pictures, and say which seem to be masks."""
    stems = {file.stem for file in listing.files}
    masks = {stem for stem in stems if means_mask(stem)}
    if masks and mask_affix(stems - masks, masks):
        print(
            f'{len(masks)} files seem to be masks of others ({min(masks)}); they are taken for '
            'pictures too',
            file=sys.stderr,
        )
    if listing.others:
        names = ', '.join(file.name for file in listing.others[:_NAMED])
        more = ', ...' if len(listing.others) > _NAMED else ''
        print(f'{len(listing.others)} files are no pictures: {names}{more}', file=sys.stderr)


def tell_bits(bits: int | None) -> dict[str, int]:
    """Say how images of 16 bits per sample are scaled; the setting, empty where there are none."""
    if bits is None:
        return {}
    print(
        f'Images of 16 bits per sample: {bits} bits are used, 0 to {2**bits - 1} becomes 0 to 255 '
        'in all of them',
        file=sys.stderr,
    )
    return dict(bits=bits)


def tell_problems(problems: Sequence[str]) -> None:
    """Name what could not be read, and end with status 1 if there is any.

    Raises:
        SystemExit: There is.
    """
    if problems:
        print(f'\n{len(problems)} could not be read, the rest is done:', file=sys.stderr)
        print('\n'.join(f'  {line}' for line in problems), file=sys.stderr)
        raise SystemExit(1)
