"""Small made-up ultrasound files for the tests of the builder."""

import hashlib
import io
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pyarrow.parquet as pq
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid
from rich.console import Console

from usfm_mm.database.build import build
from usfm_mm.database.options import Settings
from usfm_mm.database.remote import Remote
from usfm_mm.database.workers import Cluster
from usfm_mm.io.image import encode_png

KEY = '5f0c' + hashlib.sha256(b'a key for tests').hexdigest()


def speckle(seed, height=64, width=64):
    """Speckle on large structures, uint8 [H, W]; another picture for every seed."""
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.normal(size=(2, height, width)).transpose(1, 2, 0), (0, 0), 1.2)
    structures = cv2.resize(
        rng.uniform(0.1, 1, (9, 9)), (width, height), interpolation=cv2.INTER_CUBIC
    )
    picture = np.hypot(field[..., 0], field[..., 1]) * np.clip(structures, 0.05, None)
    return np.clip(picture / np.percentile(picture, 99) * 230, 0, 255).astype(np.uint8)


def write_image(path, seed, **size):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(speckle(seed, **size)))
    return path


def write_folder(root, count, start=0, organs=('liver', 'thyroid')):
    """``count`` PNG files below ``root/ORGAN``."""
    for i in range(count):
        write_image(root / organs[i % len(organs)] / f'{i:03d}.png', start + i)
    return root


def write_dicom(path, pixels, **fields):
    """A DICOM ultrasound file of grey uint8 [H, W] or frames [N, H, W]."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b'\0' * 128)
    data.SOPClassUID, data.SOPInstanceUID = UltrasoundImageStorage, meta.MediaStorageSOPInstanceUID
    data.Modality = 'US'
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, 'MONOCHROME2'
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = pixels.tobytes()
    for keyword, value in fields.items():
        setattr(data, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return data


def key_file(folder, key=KEY):
    path = Path(folder) / 'secret.key'
    path.write_text(key)
    path.chmod(0o600)
    return path


def content(root):
    """Every file below a folder, and its bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


def holds(root, seed):
    """Is the picture of a seed, at 256×256, in any file below a folder?"""
    wanted = cv2.resize(speckle(seed), (256, 256), interpolation=cv2.INTER_LINEAR).tobytes()
    for name, data in content(root).items():
        if name.endswith('.png'):
            data = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).tobytes()
        if wanted[25600:26624] in data:
            return True
    return False


RULES = """
organ:
  - path: '/(?P<organ>liver|thyroid|heart)/'
  - {field: BodyPartExamined, matches: '^(?P<organ>HEART|BREAST)$'}
center:
  - {field: InstitutionName, matches: 'mercy', value: A}
device:
  - field: ManufacturerModelName
patient:
  - {path: '/(?P<patient>p\\d+)_\\d+\\.png$'}
"""


def rules_file(folder, text=RULES):
    path = Path(folder) / 'rules.yaml'
    path.write_text(text)
    return path


@contextmanager
def without_text_search():
    """Let no text be found in pictures, in this process."""
    with ExitStack() as stack:
        for module in ('text', 'view'):
            name = f'usfm_mm.database.screen.{module}.find_text'
            stack.enter_context(mock.patch(name, return_value=[]))
        yield


def run(sources, out, folder, rules=RULES, settings=None, **options):
    """Build in this process, with the key, the rules and the journal in ``folder``; the output."""
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(file=io.StringIO(), width=200)
    build(
        [Path(source) if not isinstance(source, Remote) else source for source in sources],
        out,
        options.pop('key', None) or key_file(folder),
        rules_file(folder, rules),
        settings or Settings(),
        cluster=options.pop('cluster', Cluster(workers=1)),
        console=console,
        **options,
    )
    return console.file.getvalue()


def rows(out):
    """Rows of the index as dicts, by path."""
    return sorted(pq.read_table(out / 'index.parquet').to_pylist(), key=lambda row: row['path'])
