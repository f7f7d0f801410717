"""NIfTI, MetaImage and NRRD that lie, and what is compressed whole."""

import gzip
import struct
import zipfile

import numpy as np

from support.hostile.elements import SMALL

_SLICES = np.stack([SMALL, SMALL[::-1], SMALL[:, ::-1]])


def nifti(dim=(3, 160, 120, 3, 1, 1, 1, 1), kind=2, bits=8, place=352.0, voxels=None):
    """A NIfTI-1 file; its header may lie."""
    head = bytearray(348)
    struct.pack_into('<i', head, 0, 348)
    struct.pack_into('<8h', head, 40, *dim)
    struct.pack_into('<hh', head, 70, kind, bits)
    struct.pack_into('<8f', head, 76, *[1.0] * 8)
    struct.pack_into('<fff', head, 108, place, 1.0, 0.0)
    head[344:348] = b'n+1\0'
    return bytes(head) + bytes(4) + (_SLICES.tobytes() if voxels is None else voxels)


def nifti2(dim=(3, 160, 120, 3, 1, 1, 1, 1), place=544):
    """A NIfTI-2 file; its header may lie."""
    head = bytearray(540)
    struct.pack_into('<i', head, 0, 540)
    head[4:12] = b'n+2\0\r\n\x1a\n'
    struct.pack_into('<hh', head, 12, 2, 8)
    struct.pack_into('<8q', head, 16, *dim)
    struct.pack_into('<8d', head, 104, *[1.0] * 8)
    struct.pack_into('<q', head, 168, place)
    struct.pack_into('<dd', head, 176, 1.0, 0.0)
    return bytes(head) + bytes(4) + _SLICES.tobytes()


def meta_image(size='160 120 3', kind='MET_UCHAR', data='LOCAL', extra='', voxels=None):
    """A MetaImage; its header may lie."""
    count = len(size.split())
    head = (
        f'ObjectType = Image\nNDims = {count}\n{extra}DimSize = {size}\nElementType = {kind}\n'
        f'ElementDataFile = {data}\n'
    )
    return head.encode() + (_SLICES.tobytes() if voxels is None else voxels)


def _file(content):
    return lambda path: path.write_bytes(content())


def _zipped(path, start, megabytes):
    with gzip.open(path, 'wb', compresslevel=1) as file:
        file.write(start)
        for _ in range(megabytes):
            file.write(bytes(1_000_000))


def _archive(path):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('zeros.dcm', bytes(300_000_000))


def _detached(data):
    """A .mhd beside a sparse raw file of 4 GB."""

    def make(path):
        path.write_bytes(meta_image(data=data, voxels=b''))
        with path.with_suffix('.raw').open('wb') as file:
            file.truncate(4_000_000_000)

    return make


def _endless_line(path):
    with path.open('wb') as file:
        file.write(b'ObjectType = Image\nComment = ')
        for _ in range(300):
            file.write(b'x' * 1_000_000)


BAD, CUT, LARGE, NONE = 'damaged', 'truncated', 'too large', 'not an image'

VOLUMES = {
    'dims-huge.nii': (_file(lambda: nifti((7, *[32767] * 7))), {LARGE}),
    'dims-negative.nii': (_file(lambda: nifti((3, -160, 120, 3, 1, 1, 1, 1))), {BAD, LARGE}),
    'dims-none.nii': (_file(lambda: nifti((0, 0, 0, 0, 0, 0, 0, 0))), {BAD}),
    'dims-too-many.nii': (_file(lambda: nifti((99, 160, 120, 3, 1, 1, 1, 1))), {BAD}),
    'dims-more-than-voxels.nii': (_file(lambda: nifti((3, 160, 120, 300, 1, 1, 1, 1))), {CUT}),
    'kind-unknown.nii': (_file(lambda: nifti(kind=9999)), {BAD}),
    'kind-none.nii': (_file(lambda: nifti(kind=0, bits=0)), {BAD}),
    'voxels-at-1e30.nii': (_file(lambda: nifti(place=1e30)), {BAD, CUT}),
    'voxels-at-nan.nii': (_file(lambda: nifti(place=float('nan'))), {BAD, CUT, ''}),
    'not-a-number.nii': (
        _file(lambda: nifti(kind=16, bits=32, voxels=np.full(57_600, np.nan, '<f4').tobytes())),
        {BAD, 'mask or drawing'},
    ),
    'infinite.nii': (
        _file(lambda: nifti(kind=16, bits=32, voxels=np.full(57_600, np.inf, '<f4').tobytes())),
        {BAD, 'mask or drawing'},
    ),
    'complex.nii': (
        _file(lambda: nifti(kind=32, bits=64, voxels=bytes(460_800))),
        {'not ultrasound'},
    ),
    'second-kind.nii': (_file(nifti2), {''}),
    'second-kind-huge.nii': (
        _file(lambda: nifti2((3, 2**40, 2**40, 2**20, 1, 1, 1, 1))),
        {LARGE, BAD},
    ),
    'second-kind-negative.nii': (_file(lambda: nifti2((3, -1, -1, 3, 1, 1, 1, 1))), {BAD, LARGE}),
    'second-kind-beyond.nii': (_file(lambda: nifti2(place=2**62)), {CUT, BAD}),
    'bomb.nii.gz': (
        lambda path: _zipped(path, nifti((3, 1000, 1000, 3000, 1, 1, 1, 1), voxels=b''), 3000),
        {LARGE},
    ),
    'more-behind.nii.gz': (lambda path: _zipped(path, nifti(), 2000), {''}),
    'bomb.gz': (lambda path: _zipped(path, b'', 2000), {NONE}),
    'cut.nii.gz': (_file(lambda: gzip.compress(nifti())[:5000]), {CUT, BAD}),
    'no-gzip.nii.gz': (_file(lambda: b'\x1f\x8b' + SMALL.tobytes()), {BAD}),
    'bomb.zip': (_archive, {NONE}),
    'no-voxels.hdr': (_file(lambda: nifti()[:344] + b'ni1\0'), {BAD, CUT}),
    'dims-huge.mha': (_file(lambda: meta_image('100000 100000 100000')), {LARGE}),
    'dims-negative.mha': (_file(lambda: meta_image('-160 -120 3')), {BAD, LARGE}),
    'dims-1e30.mha': (_file(lambda: meta_image(f'{10**30} 2 2')), {BAD, LARGE}),
    'dims-100.mha': (_file(lambda: meta_image(' '.join(['2'] * 100))), {BAD, LARGE, CUT}),
    'dims-more-than-voxels.mha': (_file(lambda: meta_image('160 120 300')), {CUT}),
    'compressed-lie.mha': (
        _file(lambda: meta_image(extra='CompressedData = True\nCompressedDataSize = 999999999\n')),
        {CUT, BAD},
    ),
    'kind-unknown.mha': (_file(lambda: meta_image(kind='MET_PLAID')), {BAD, CUT}),
    'channels-60000.mha': (
        _file(lambda: meta_image(extra='ElementNumberOfChannels = 60000\n')),
        {LARGE, 'not ultrasound', BAD, CUT},
    ),
    'names-passwords.mhd': (_file(lambda: meta_image(data='/etc/passwd', voxels=b'')), {BAD}),
    'names-itself.mhd': (
        _file(lambda: meta_image(data='names-itself.mhd', voxels=b'')),
        {BAD, CUT},
    ),
    'names-nothing.mhd': (_file(lambda: meta_image(data='gone.raw', voxels=b'')), {BAD, CUT}),
    'names-4-gb.mhd': (_detached('names-4-gb.raw'), {'mask or drawing'}),
    'line-without-end.mha': (_endless_line, {BAD, LARGE}),
    'volume.nrrd': (_file(lambda: b'NRRD0004\ntype: uint8\n\n' + SMALL.tobytes()), {NONE}),
}
