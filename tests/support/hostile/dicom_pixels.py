"""DICOM whose compressed pixels lie: tables, fragments, and the streams within."""

import struct

from support.hostile.elements import (
    J2K,
    JPEG,
    JPEG_LS,
    LOSSLESS,
    MPEG4,
    RLE,
    SEQUENCE_END,
    SMALL,
    UNDEFINED,
    element,
    fragmented,
    header,
    item,
    j2k,
    jpeg,
    jpeg_ls,
    meta,
    patched,
)


def _holds(syntax, pixels, **values):
    return lambda path: path.write_bytes(meta(syntax) + header(**values) + pixels())


def _words(*numbers):
    return struct.pack(f'<{len(numbers)}L', *numbers)


def _start(*parts):
    return element(0x7FE00010, 'OB', b'', UNDEFINED) + b''.join(parts)


def _jpeg_of(height, width):
    stream = jpeg()
    place = stream.index(b'\xff\xc0')
    return patched(stream, place + 5, struct.pack('>HH', height, width))


def _j2k_of(**places):
    """A JPEG 2000 stream with other sizes: width at 8, height at 12, tiles at 24."""
    stream = j2k()
    place = stream.index(b'\xff\x51')
    for name, value in places.items():
        stream = patched(stream, place + int(name[1:]), struct.pack('>L', value))
    return stream


def _jpeg_ls_of(height, width):
    stream = jpeg_ls()
    place = stream.index(b'\xff\xf7')
    return patched(stream, place + 5, struct.pack('>HH', height, width))


def _rle(offsets, content=b''):
    return struct.pack('<16L', *(offsets + [0] * 16)[:16]) + content


def _loop_of_progressive_scans():
    """A JPEG of 5,000 empty scans."""
    import cv2

    stream = cv2.imencode('.jpg', SMALL, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    place = stream.rindex(b'\xff\xda')
    return stream[:place] + stream[place:-2] * 5000 + b'\xff\xd9'


BAD, CUT, LARGE = 'damaged', 'truncated', 'too large'

PIXELS = {
    'frames-100000-of-one.dcm': (
        _holds(J2K, lambda: fragmented(j2k()), NumberOfFrames=100_000),
        {'', BAD},
    ),
    'frames-1e9-of-one.dcm': (
        _holds(JPEG, lambda: fragmented(jpeg()), NumberOfFrames=10**9),
        {'', BAD},
    ),
    'table-beyond-the-file.dcm': (
        _holds(JPEG, lambda: fragmented(jpeg(), jpeg(), table=_words(0, UNDEFINED - 1))),
        {'', BAD},
    ),
    'table-backwards.dcm': (
        _holds(JPEG, lambda: fragmented(jpeg(), jpeg(), table=_words(5000, 0))),
        {'', BAD},
    ),
    'table-of-a-million.dcm': (
        _holds(JPEG, lambda: fragmented(jpeg(), table=_words(*([0] * 1_000_000)))),
        {'', BAD},
    ),
    'table-claims-4-gb.dcm': (
        _holds(JPEG, lambda: _start(item(b'', UNDEFINED - 1), item(jpeg()), SEQUENCE_END)),
        {BAD, CUT},
    ),
    'fragment-claims-4-gb.dcm': (
        _holds(JPEG, lambda: _start(item(), item(jpeg(), UNDEFINED - 1))),
        {BAD, CUT, LARGE},
    ),
    'fragment-of-no-length.dcm': (
        _holds(JPEG, lambda: _start(item(), item(jpeg(), UNDEFINED))),
        {BAD, CUT},
    ),
    'fragments-empty-a-million.dcm': (
        _holds(JPEG, lambda: fragmented(*[b''] * 1_000_000)),
        {BAD},
    ),
    'fragments-missing.dcm': (_holds(JPEG, lambda: fragmented()), {BAD, 'no frames'}),
    'fragments-without-end.dcm': (_holds(JPEG, lambda: fragmented(jpeg(), end=b'')), {'', CUT}),
    'fragment-of-noise.dcm': (_holds(JPEG, lambda: fragmented(SMALL.tobytes())), {BAD}),
    'no-fragments.dcm': (_holds(JPEG, lambda: _start(SMALL.tobytes())), {BAD, CUT}),
    'stream-65500.dcm': (
        _holds(JPEG, lambda: fragmented(_jpeg_of(65_500, 65_500))),
        {BAD, LARGE},
    ),
    'stream-of-no-rows.dcm': (_holds(JPEG, lambda: fragmented(_jpeg_of(0, 160))), {BAD}),
    'stream-of-5000-scans.dcm': (
        _holds(JPEG, lambda: fragmented(_loop_of_progressive_scans())),
        {'', BAD},
    ),
    'lossless-said.dcm': (_holds(LOSSLESS, lambda: fragmented(jpeg())), {'', BAD}),
    'j2k-of-4e9.dcm': (
        _holds(J2K, lambda: fragmented(_j2k_of(_8=2**31 - 1, _12=2**31 - 1))),
        {BAD, LARGE},
    ),
    'j2k-of-30000.dcm': (
        _holds(J2K, lambda: fragmented(_j2k_of(_8=30_000, _12=30_000, _24=30_000, _28=30_000))),
        {BAD, LARGE},
    ),
    'j2k-of-tiny-tiles.dcm': (_holds(J2K, lambda: fragmented(_j2k_of(_24=1, _28=1))), {BAD, ''}),
    'j2k-cut.dcm': (_holds(J2K, lambda: fragmented(j2k()[:200])), {BAD, ''}),
    'jpeg-ls-65500.dcm': (
        _holds(JPEG_LS, lambda: fragmented(_jpeg_ls_of(65_500, 65_500))),
        {BAD, LARGE},
    ),
    'rle-beyond.dcm': (
        _holds(RLE, lambda: fragmented(_rle([1, UNDEFINED - 1]))),
        {BAD},
    ),
    'rle-of-15-planes.dcm': (
        _holds(RLE, lambda: fragmented(_rle([15] + [64] * 15, b'\x81\0' * 100))),
        {BAD},
    ),
    'rle-bomb.dcm': (
        _holds(RLE, lambda: fragmented(_rle([1, 64], b'\x81\0' * 4_000_000))),
        {BAD, 'mask or drawing'},
    ),
    'video-of-noise.dcm': (_holds(MPEG4, lambda: fragmented(SMALL.tobytes())), {BAD}),
    'video-empty.dcm': (_holds(MPEG4, lambda: fragmented(b'')), {BAD, 'no frames'}),
    'float-pixels.dcm': (
        lambda path: path.write_bytes(
            meta() + header(BitsAllocated=32) + element(0x7FE00008, 'OF', SMALL.tobytes())
        ),
        {BAD, CUT, 'no frames'},
    ),
}
