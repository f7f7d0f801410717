"""A folder with files of all kinds, and what databases of it have in common."""

import csv
from urllib.parse import unquote

import cv2
import nibabel
import numpy as np

from support.made_up import content, rows, speckle, write_dicom, write_folder

RULES = """
exclude: ['_mask']
organ: [{path: '/(?P<organ>liver|thyroid)/'}]
patient: [{path: '/(?P<patient>\\d+)\\.(png|mhd|hdr|avi)$'}]
"""


def write_all_kinds(root):
    """A folder with files of every kind that is read, and some that are not."""
    write_folder(root, 4)
    write_dicom(root / 'a.dcm', speckle(20), PatientID='7', StudyInstanceUID='1.2.3')
    write_dicom(root / 'deep/er/clip', np.stack([speckle(s) for s in (30, 31)]), PatientID='8')
    video = cv2.VideoWriter(str(root / '9.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 2, (96, 96))
    for seed in range(40, 43):
        video.write(cv2.cvtColor(speckle(seed, 96, 96), cv2.COLOR_GRAY2BGR))
    video.release()
    (root / '10.mhd').write_text(
        'NDims = 3\nDimSize = 96 96 1\nElementType = MET_UCHAR\nElementDataFile = ten.raw\n'
    )
    (root / 'ten.raw').write_bytes(speckle(50, 96, 96).tobytes())
    voxels = speckle(60, 96, 96).T[..., None]
    nibabel.save(nibabel.Nifti1Pair(voxels, np.eye(4)), root / '11.hdr')
    (root / 'damaged.png').write_bytes((root / 'liver/000.png').read_bytes()[:600])
    (root / 'liver/000_mask.png').write_bytes(b'secret')
    (root / 'notes.txt').write_text('no picture')
    (root / 'empty').touch()
    return root


def told(folder, out, journal, source):
    """What must be alike: images, index but for the files' hashes, and what was left out."""
    index = [{k: v for k, v in row.items() if k != '_file'} for row in rows(out)]
    images = {k: v for k, v in content(out).items() if k.startswith('images')}
    (lists,) = journal.glob('secret.key.d/*')
    plain = unquote if source.startswith('http') else str
    rejected = sorted(
        (plain(path.removeprefix(source)), *rest)
        for path, *rest in csv.reader((lists / 'rejected.csv').open())
    )
    return index, images, rejected
