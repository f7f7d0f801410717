"""Masks as NIfTI, by SimpleITK."""

from pathlib import Path

import numpy as np

from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.inference.frames import Frame
from usfm_mm.io.atomic import atomic_path
from usfm_mm.io.optional import optional_import


def write_nifti(path: Path, masks: np.ndarray, frame: Frame, source: Path) -> None:
    """Write masks as one volume, whose slices are the frames.

    Of a volume (NIfTI, MetaImage) it lies where the volume lies: same origin, spacing and
    direction. Of others a pixel has the size in mm that the source tells, else 1; frames follow
    each other at a distance of 1.

    Args:
        path: Where to; missing folders are made.
        masks: uint8 [N, H, W].
        frame: One of the source's.
        source: File that was segmented.
    """
    sitk = optional_import('SimpleITK', 'NIfTI', 'usfm-mm[infer]')
    if kind_of(source) in ('nifti', 'metaimage'):
        volume = sitk.ReadImage(str(source))
        shape = volume.GetSize()[::-1]
        if int(np.prod(shape)) != masks.size:
            raise ValueError(f'{source}: {masks.shape} masks of a volume of {shape}')
        image = sitk.GetImageFromArray(masks.reshape(shape))
        image.CopyInformation(volume)
    else:
        image = sitk.GetImageFromArray(masks)
        height, width = frame.spacing or (1.0, 1.0)
        image.SetSpacing((width, height, 1.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        # The library goes by the ending.
        named = temporary.with_name(f'{temporary.name}.nii.gz')
        try:
            sitk.WriteImage(image, str(named), useCompression=True)
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)
