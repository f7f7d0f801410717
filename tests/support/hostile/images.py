"""PNG, JPEG, TIFF, GIF, BMP and WebP that lie, or unpack to more than there should be."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

from support.hostile.elements import SMALL, jpeg, patched

PNG = b'\x89PNG\r\n\x1a\n'


def _chunk(name, content):
    crc = zlib.crc32(name + content)
    return struct.pack('>I', len(content)) + name + content + struct.pack('>I', crc)


def _zeros(count):
    """So many zeros, compressed a piece at a time."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1_000_000)) for _ in range(count // 1_000_000)]
    return b''.join([*parts, packer.flush()])


def _png(width, height, bits=8, colour=0, pixels=b'', extra=b''):
    head = _chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, bits, colour, 0, 0, 0))
    return PNG + head + extra + _chunk(b'IDAT', pixels) + _chunk(b'IEND', b'')


def _saved(form, picture=SMALL, **how):
    stream = BytesIO()
    Image.fromarray(picture).save(stream, form, **how)
    return stream.getvalue()


def _file(content):
    return lambda path: path.write_bytes(content())


def _tiff(entries, following=0):
    """A TIFF of one directory: (tag, kind, count, value) each, and where the next one is."""
    body = b''.join(struct.pack('<HHLL', *entry) for entry in entries)
    return (
        b'II*\0'
        + struct.pack('<L', 8)
        + struct.pack('<H', len(entries))
        + body
        + struct.pack('<L', following)
    )


def _plain(width=160, height=120, length=160 * 120, place=200):
    return [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, place),
        (278, 4, 1, height),
        (279, 4, 1, length),
    ]


def _whole_tiff(following=0, **of):
    head = _tiff(_plain(**of), following)
    return head + bytes(200 - len(head)) + SMALL.tobytes()


def _tiff_of_pages(count):
    """Directories of 8 entries, one behind the other, all of one picture."""
    size = 2 + 8 * 12 + 4
    pages, place = [], 8
    for number in range(count):
        following = place + size if number < count - 1 else 0
        pages.append(_tiff(_plain(place=8 + count * size), following)[8:])
        place += size
    return b'II*\0' + struct.pack('<L', 8) + b''.join(pages) + SMALL.tobytes()


def _deflated_tiff(side):
    head = _tiff(
        [
            (256, 4, 1, side),
            (257, 4, 1, side),
            (258, 3, 1, 8),
            (259, 3, 1, 8),
            (262, 3, 1, 1),
            (273, 4, 1, 200),
            (278, 4, 1, side),
            (279, 4, 1, len(data := _zeros(side * side))),
        ]
    )
    return head + bytes(200 - len(head)) + data


def _gif_of_frames(count):
    stream = _saved('GIF')
    start = stream.index(b'\x2c', 13 + 768)
    return stream[:start] + stream[start:-1] * count + b'\x3b'


def _bmp(width, height, compression=0):
    head = struct.pack('<LllHHLLllLL', 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    palette = bytes(channel for level in range(256) for channel in (level, level, level, 0))
    data = head + palette + SMALL.tobytes()
    return b'BM' + struct.pack('<LHHL', 14 + len(data), 0, 0, 14 + 40 + 1024) + data


def _segments_without_end():
    stream = jpeg()
    return stream[:2] + b'\xff\xe1\0\x0ahostile!' * 300_000 + stream[2:]


def _jpeg_of(height, width):
    stream = jpeg()
    return patched(stream, stream.index(b'\xff\xc0') + 5, struct.pack('>HH', height, width))


def _scans():
    stream = _saved('JPEG', progressive=True)
    place = stream.rindex(b'\xff\xda')
    return stream[:place] + stream[place:-2] * 20_000 + b'\xff\xd9'


def _noise(height, width):
    """A picture of many pixels that is not flat."""
    tile = np.tile(SMALL, (height // 120 + 1, width // 160 + 1))
    return np.ascontiguousarray(tile[:height, :width])


def _sparse(start, size):
    def make(path):
        with path.open('wb') as file:
            file.write(start)
            file.truncate(size)

    return make


BAD, CUT, LARGE, NONE = 'damaged', 'truncated', 'too large', 'not an image'

IMAGES = {
    'bomb-60000.png': (_file(lambda: _png(60_000, 60_000, 1, pixels=_zeros(4_000_000))), {LARGE}),
    'bomb-6300.png': (
        _file(lambda: _png(6300, 6300, pixels=_zeros(40_000_000))),
        {'mask or drawing'},
    ),
    'bomb-16-bit.png': (
        _file(lambda: _png(6300, 6300, 16, 6, pixels=_zeros(320_000_000))),
        {'mask or drawing', LARGE},
    ),
    'large-6300.png': (
        _file(lambda: _saved('PNG', _noise(6300, 6300), compress_level=1)),
        {'', 'split screen'},
    ),
    'claims-6000.png': (_file(lambda: _png(6000, 6000, pixels=zlib.compress(b'x'))), {BAD, CUT}),
    'no-size.png': (_file(lambda: _png(0, 0)), {BAD}),
    'text-bomb.png': (
        _file(
            lambda: _png(
                160,
                120,
                pixels=zlib.compress(b'\0' + SMALL.tobytes()),
                extra=_chunk(b'zTXt', b'Title\0\0' + _zeros(700_000_000)),
            )
        ),
        {BAD, '', CUT},
    ),
    'profile-bomb.png': (
        _file(
            lambda: _png(
                160,
                120,
                pixels=zlib.compress(b'\0' + SMALL.tobytes()),
                extra=_chunk(b'iCCP', b'x\0\0' + _zeros(700_000_000)),
            )
        ),
        {BAD, '', CUT},
    ),
    'zeros-4-gb.png': (_sparse(PNG, 4_000_000_000), {LARGE}),
    'end-mark-alone.png': (_file(lambda: PNG + _chunk(b'IEND', b'')), {BAD}),
    'bomb-65500.jpg': (_file(lambda: _jpeg_of(65_500, 65_500)), {LARGE}),
    'claims-6000.jpg': (_file(lambda: _jpeg_of(6000, 6000)), {BAD, CUT, 'blank'}),
    'no-rows.jpg': (_file(lambda: _jpeg_of(0, 160)), {BAD}),
    'segments-300000.jpg': (_file(_segments_without_end), {'', BAD}),
    'scans-20000.jpg': (_file(_scans), {'', BAD}),
    'marks-alone.jpg': (_file(lambda: b'\xff\xd8\xff\xd9'), {BAD}),
    'loop.tif': (_file(lambda: _whole_tiff(following=8)), {'', BAD}),
    'loop-beyond.tif': (_file(lambda: _whole_tiff(following=2**32 - 2)), {'', BAD}),
    'pages-50000.tif': (_file(lambda: _tiff_of_pages(50_000)), {'', BAD}),
    'bomb-60000.tif': (_file(lambda: _whole_tiff(width=60_000, height=60_000)), {LARGE}),
    'claims-6000.tif': (_file(lambda: _whole_tiff(width=6000, height=6000)), {BAD, CUT}),
    'strips-4e9.tif': (
        _file(lambda: _tiff([*_plain()[:5], (273, 4, 2**32 - 1, 8), (279, 4, 2**32 - 1, 8)])),
        {BAD},
    ),
    'deflated-6000.tif': (_file(lambda: _deflated_tiff(6000)), {BAD, 'mask or drawing'}),
    'no-size.tif': (_file(lambda: _whole_tiff(width=0, height=0)), {BAD}),
    'big-lying.tif': (_file(lambda: b'II+\0\x08\0\0\0' + b'\xff' * 64), {BAD}),
    'bomb-65535.gif': (
        _file(lambda: patched(_saved('GIF'), 6, struct.pack('<HH', 65535, 65535))),
        {LARGE, BAD},
    ),
    'frames-20000.gif': (_file(lambda: _gif_of_frames(20_000)), {''}),
    'cut.gif': (_file(lambda: _saved('GIF')[:900]), {BAD, CUT, 'no frames', 'mask or drawing'}),
    'bomb.bmp': (_file(lambda: _bmp(60_000, 60_000)), {LARGE}),
    'upside-down.bmp': (_file(lambda: _bmp(160, -120)), {''}),
    'negative.bmp': (_file(lambda: _bmp(-160, 120)), {BAD, LARGE}),
    'packed.bmp': (_file(lambda: _bmp(160, 120, compression=1)), {BAD, CUT, ''}),
    'picture.webp': (_file(lambda: _saved('WEBP')), {NONE}),
}
