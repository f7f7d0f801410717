"""DICOM whose header lies, is nested, or has no end."""

import struct
import zlib

from support.hostile.elements import (
    DEFLATED,
    IMPLICIT,
    ITEM_END,
    LITTLE,
    SEQUENCE_END,
    SMALL,
    UNDEFINED,
    element,
    header,
    item,
    meta,
    native,
)

_DEEP = 10_000
_SEQUENCE = 0x00081140


def _says(**values):
    """A small picture with a header that says something else."""
    return lambda path: path.write_bytes(meta() + header(**values) + native())


def _behind(content, syntax=LITTLE):
    """A small picture with some elements before its pixels."""
    return lambda path: path.write_bytes(meta(syntax) + header() + content() + native())


def nested_without_lengths():
    start = element(_SEQUENCE, 'SQ', b'', UNDEFINED) + item(b'', UNDEFINED)
    return start * _DEEP + (ITEM_END + SEQUENCE_END) * _DEEP


def nested_with_lengths():
    content = b''
    for _ in range(2_000):
        content = element(_SEQUENCE, 'SQ', item(content))
    return content


def nested_in_unknown():
    """Private elements of unknown kind and no length, which are sequences, too."""
    start = element(0x00991010, 'UN', b'', UNDEFINED) + item(b'', UNDEFINED)
    return start * _DEEP + (ITEM_END + SEQUENCE_END) * _DEEP


def nested_implicit(path):
    start = struct.pack('<HHL', 8, 0x1140, UNDEFINED) + item(b'', UNDEFINED)
    path.write_bytes(meta(IMPLICIT) + start * _DEEP)


def nested_and_cut(path):
    start = element(_SEQUENCE, 'SQ', b'', UNDEFINED) + item(b'', UNDEFINED)
    path.write_bytes(meta() + start * 100_000)


def items_without_end():
    return element(_SEQUENCE, 'SQ', item() * 1_000_000)


def items_without_length():
    """Items that are parsed as the file is read, each a hundred times as large in memory."""
    start = element(_SEQUENCE, 'SQ', b'', UNDEFINED)
    return start + (item(b'', UNDEFINED) + ITEM_END) * 2_000_000 + SEQUENCE_END


def regions_without_end():
    return element(0x00186011, 'SQ', item() * 100_000)


def elements_without_end():
    return b''.join(
        element(0x0011_0000 + number, 'LO', b'x' * 8) for number in range(0x1000, 0xFFFF)
    )


def _sparse(start, size):
    def make(path):
        with path.open('wb') as file:
            file.write(start)
            file.truncate(size)

    return make


def cut_after(count):
    content = meta() + header() + native()
    return lambda path: path.write_bytes(content[:count])


def deflated(content):
    def make(path):
        packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        path.write_bytes(meta(DEFLATED) + packer.compress(content()) + packer.flush())

    return make


def deflated_bomb(path):
    """5 MB that unpack to a gigabyte."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    with path.open('wb') as file:
        file.write(meta(DEFLATED) + packer.compress(header()))
        for _ in range(100):
            file.write(packer.compress(bytes(10_000_000)))
        file.write(packer.flush())


def junk_deflated(path):
    path.write_bytes(meta(DEFLATED) + SMALL.tobytes())


def commands_without_end(path):
    """Group 0000, which pydicom reads before it asks where to stop."""
    commands = b''.join(struct.pack('<HHL', 0, 0x0110, 8) + b'x' * 8 for _ in range(300_000))
    path.write_bytes(bytes(128) + b'DICM' + commands)


BAD, CUT, LARGE = 'damaged', 'truncated', 'too large'

HEADERS = {
    'rows-and-columns-65535.dcm': (_says(Rows=65535, Columns=65535), {LARGE}),
    'rows-60000.dcm': (_says(Rows=60_000, Columns=600), {CUT}),
    'no-rows.dcm': (_says(Rows=0), {BAD}),
    'no-columns.dcm': (_says(Columns=0), {BAD}),
    'rows-missing.dcm': (_says(Rows=None), {BAD, 'no frames'}),
    'bits-missing.dcm': (_says(BitsAllocated=None), {BAD}),
    'colours-missing.dcm': (_says(PhotometricInterpretation=None), {BAD}),
    'frames-1e9.dcm': (_says(NumberOfFrames=10**9), {CUT}),
    'frames-1e12.dcm': (_says(NumberOfFrames=10**12), {CUT}),
    'frames-negative.dcm': (_says(NumberOfFrames=-5), {''}),
    'frames-no-number.dcm': (_says(NumberOfFrames=b'many'), {BAD}),
    'bits-0.dcm': (_says(BitsAllocated=0), {BAD}),
    'bits-1.dcm': (_says(BitsAllocated=1, BitsStored=1, HighBit=0), {BAD, 'mask or drawing'}),
    'bits-7.dcm': (_says(BitsAllocated=7), {BAD}),
    'bits-64.dcm': (_says(BitsAllocated=64), {CUT, BAD}),
    'bits-65535.dcm': (_says(BitsAllocated=65535), {CUT, BAD}),
    'stored-0.dcm': (_says(BitsStored=0), {BAD, 'mask or drawing'}),
    'stored-more-than-allocated.dcm': (_says(BitsStored=16, HighBit=15), {BAD}),
    'high-bit-200.dcm': (_says(HighBit=200), {BAD, ''}),
    'samples-0.dcm': (_says(SamplesPerPixel=0), {BAD}),
    'samples-2.dcm': (_says(SamplesPerPixel=2), {BAD, CUT}),
    'samples-65535.dcm': (_says(SamplesPerPixel=65535), {CUT, BAD}),
    'colours-unknown.dcm': (_says(PhotometricInterpretation=b'PLAID'), {BAD}),
    'palette-without-tables.dcm': (_says(PhotometricInterpretation=b'PALETTE COLOR'), {BAD}),
    'palette-of-nothing.dcm': (
        _says(
            PhotometricInterpretation=b'PALETTE COLOR',
            RedPaletteColorLookupTableDescriptor=struct.pack('<HHH', 256, 0, 16),
            RedPaletteColorLookupTableData=b'',
            GreenPaletteColorLookupTableData=b'',
            BluePaletteColorLookupTableData=b'',
        ),
        {BAD},
    ),
    'rate-tiny.dcm': (_says(FrameTime=b'1e-300'), {''}),
    'rate-nan.dcm': (_says(CineRate=b'nan'), {''}),
    'window-nan.dcm': (
        _says(BitsStored=7, HighBit=6, WindowCenter=b'nan', WindowWidth=b'inf'),
        {''},
    ),
    'slope-infinite.dcm': (
        _says(BitsStored=7, HighBit=6, RescaleSlope=b'1e308', RescaleIntercept=b'-1e308'),
        {''},
    ),
    'name-60000.dcm': (_says(PatientName=b'A' * 60_000), {''}),
    'alphabet-unknown.dcm': (_says(SpecificCharacterSet=b'KLINGON'), {''}),
    'pixels-claim-4-gb.dcm': (
        lambda path: path.write_bytes(meta() + header() + native(length=UNDEFINED - 1)),
        {'', CUT, BAD},
    ),
    'pixels-of-no-length.dcm': (
        lambda path: path.write_bytes(meta() + header() + native(length=UNDEFINED)),
        {'', BAD, CUT},
    ),
    'pixels-missing.dcm': (lambda path: path.write_bytes(meta() + header()), {'no frames'}),
    'nested-without-lengths.dcm': (_behind(nested_without_lengths), {'', BAD}),
    'nested-with-lengths.dcm': (_behind(nested_with_lengths), {'', BAD}),
    'nested-in-unknown.dcm': (_behind(nested_in_unknown), {'', BAD}),
    'nested-implicit.dcm': (nested_implicit, {BAD, CUT}),
    'nested-and-cut.dcm': (nested_and_cut, {BAD, CUT}),
    'items-a-million.dcm': (_behind(items_without_end), {'', BAD}),
    'items-two-million.dcm': (_behind(items_without_length), {'', BAD, LARGE, 'took too long'}),
    'regions-100000.dcm': (_behind(regions_without_end), {'', BAD, 'no tissue region'}),
    'elements-60000.dcm': (_behind(elements_without_end), {BAD}),
    'commands-without-end.dcm': (commands_without_end, {BAD}),
    'zeros-4-gb.dcm': (_sparse(bytes(128) + b'DICM', 4_000_000_000), {BAD}),
    'value-3-gb.dcm': (
        _sparse(meta() + element(0x0011_1010, 'OB', b'', 3_000_000_000), 4_000_000_000),
        {LARGE},
    ),
    'pixels-4-gb.dcm': (
        _sparse(meta() + header() + native(b'', 4_000_000_000), 4_000_000_400),
        {'mask or drawing'},
    ),
    'cut-in-meta.dcm': (cut_after(150), {CUT, BAD}),
    'cut-in-header.dcm': (cut_after(260), {CUT, 'no frames', 'not ultrasound'}),
    'cut-in-pixels.dcm': (cut_after(5000), {CUT}),
    'preamble-alone.dcm': (cut_after(132), {CUT}),
    'no-syntax.dcm': (lambda path: path.write_bytes(meta('') + header() + native()), {'', BAD}),
    'syntax-unknown.dcm': (
        lambda path: path.write_bytes(meta('1.2.3.4') + header() + native()),
        {'unsupported compression'},
    ),
    'syntax-implicit-said.dcm': (
        lambda path: path.write_bytes(meta(IMPLICIT) + header() + native()),
        {'', BAD, CUT, 'not ultrasound'},
    ),
    'deflated-bomb.dcm': (deflated_bomb, {LARGE}),
    'deflated-junk.dcm': (junk_deflated, {BAD, CUT}),
    'deflated-picture.dcm': (deflated(lambda: header() + native()), {''}),
    'deflated-frames-1e9.dcm': (deflated(lambda: header(NumberOfFrames=10**9) + native()), {CUT}),
    'deflated-nested.dcm': (
        deflated(lambda: header() + nested_without_lengths() + native()),
        {'', BAD},
    ),
}
