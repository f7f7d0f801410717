"""Clips that are long, or say that they are."""

import struct

import av
import numpy as np

from support.hostile.elements import SMALL
from support.scanner_screens import speckle


def clip(path, frames=10, codec='mpeg4', height=120, width=160, rate=25):
    """A clip of moving speckle; the container is that of the path's name."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = width, height
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        wide = speckle(height, 2 * width)
        for number in range(frames):
            left = 7 * number % width
            grey = wide[:, left : left + width]
            frame = av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _with(name, change, **of):
    """A clip in which bytes behind a mark are others."""

    def make(path):
        content = bytearray(clip(path, **of).read_bytes())
        place = content.index(name)
        change(content, place)
        path.write_bytes(bytes(content))

    return make


def _put(offset, layout, *values):
    return lambda content, place: struct.pack_into(layout, content, place + offset, *values)


def _nested_atoms(path):
    """Atoms in atoms, 10,000 deep."""
    content = b''
    for _ in range(10_000):
        content = struct.pack('>L', 8 + len(content)) + b'moov' + content
    path.write_bytes(struct.pack('>L', 16) + b'ftypisom\0\0\0\0' + content)


def _sparse(start, size):
    def make(path):
        with path.open('wb') as file:
            file.write(start)
            file.truncate(size)

    return make


BAD, CUT, LARGE, NONE = 'damaged', 'truncated', 'too large', 'not an image'
MATROSKA = bytes.fromhex('1a45dfa3')

VIDEOS = {
    'minutes.mp4': (lambda path: clip(path, 15_000), {''}),
    'minutes-large.mp4': (lambda path: clip(path, 9_000, height=480, width=640), {''}),
    'lasts-for-years.mp4': (_with(b'mvhd', _put(20, '>L', 2**32 - 1)), {''}),
    'no-timescale.mp4': (_with(b'mdhd', _put(16, '>L', 0)), {'', BAD, 'no frames'}),
    'samples-4e9.mp4': (_with(b'stsz', _put(12, '>L', 2**32 - 1)), {'', BAD, 'no frames'}),
    'sizes-65535.mp4': (_with(b'mp4v', _put(28, '>HH', 65535, 65535)), {'', LARGE, BAD}),
    'atoms-nested.mp4': (_nested_atoms, {BAD}),
    'cut.mp4': (lambda path: path.write_bytes(clip(path).read_bytes()[:3000]), {BAD}),
    'frames-4e9.avi': (_with(b'avih', _put(24, '<L', 2**32 - 1)), {''}),
    'sizes-4e9.avi': (_with(b'strf', _put(12, '<ll', 2**31 - 1, 2**31 - 1)), {LARGE, BAD, ''}),
    'rate-0.avi': (_with(b'strh', _put(28, '<LL', 0, 0)), {'', BAD}),
    'rate-4e9.avi': (_with(b'strh', _put(28, '<LL', 1, 2**32 - 1)), {'', BAD}),
    'cut.avi': (lambda path: path.write_bytes(clip(path).read_bytes()[:6000]), {'', BAD, CUT}),
    'zeros-4-gb.avi': (_sparse(b'RIFF\xff\xff\xff\xffAVI LIST', 4_000_000_000), {BAD, 'no frames'}),
    'zeros-4-gb.mp4': (_sparse(b'\0\0\0\x10ftypisom\0\0\0\0', 4_000_000_000), {BAD, 'no frames'}),
    'zeros-4-gb.mpg': (_sparse(b'\0\0\1\xba', 4_000_000_000), {BAD, 'no frames'}),
    'zeros-4-gb.mkv': (_sparse(MATROSKA, 4_000_000_000), {BAD, 'no frames'}),
    'noise.ts': (
        lambda path: path.write_bytes((b'\x47' + SMALL.tobytes()[:187]) * 50_000),
        {BAD, 'no frames'},
    ),
    'noise.wmv': (
        lambda path: path.write_bytes(b'0&\xb2u\x8ef\xcf\x11' + SMALL.tobytes() * 50),
        {BAD, 'no frames'},
    ),
}
