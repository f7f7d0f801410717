"""Hostile files: each a function that makes one, with the reasons that are true of it.

The empty reason is that of a file that was read, all or some of its frames.
"""

from support.hostile.dicom_headers import HEADERS
from support.hostile.dicom_pixels import PIXELS
from support.hostile.images import IMAGES
from support.hostile.places import PLACES
from support.hostile.videos import VIDEOS
from support.hostile.volumes import VOLUMES

HOSTILE = {**HEADERS, **PIXELS, **IMAGES, **VOLUMES, **VIDEOS, **PLACES}
"""By name: a function that makes the file at a path, and the reasons that may be told of it."""

LONG = frozenset(
    (
        'deflated-bomb.dcm',
        'items-a-million.dcm',
        'items-two-million.dcm',
        'regions-100000.dcm',
        'nested-with-lengths.dcm',
        'pixels-4-gb.dcm',
        'fragments-empty-a-million.dcm',
        'table-of-a-million.dcm',
        'stream-of-5000-scans.dcm',
        'rle-bomb.dcm',
        'bomb-6300.png',
        'bomb-16-bit.png',
        'large-6300.png',
        'text-bomb.png',
        'profile-bomb.png',
        'claims-6000.jpg',
        'segments-300000.jpg',
        'scans-20000.jpg',
        'pages-50000.tif',
        'deflated-6000.tif',
        'frames-20000.gif',
        'bomb.nii.gz',
        'more-behind.nii.gz',
        'bomb.gz',
        'bomb.zip',
        'line-without-end.mha',
        'minutes.mp4',
        'minutes-large.mp4',
        'zeros-4-gb.avi',
        'names-4-gb.mhd',
        'dims-more-than-voxels.nii',
        'commands-without-end.dcm',
        'elements-60000.dcm',
    )
)
"""Those that take seconds to make or to read: for the benchmark, not for the tests."""
