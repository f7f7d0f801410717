"""MP4, AVI, MPEG, MOV, GIF and what else FFmpeg reads, by PyAV."""

from io import BytesIO
from pathlib import Path

import av
import av.error
import av.logging
from av.container import InputContainer

from usfm_mm.database.readers.clip import Clip, Frames, check_size
from usfm_mm.database.types import Options, RejectedError

# FFmpeg's own messages repeat a file's name and metadata.
av.logging.set_level(av.logging.PANIC)
# On the clock, until its first frames are found.
_SECONDS = 20.0


def open_video(source: Path | BytesIO, options: Options) -> Clip:
    """Open the first video stream of a file or of its content.

    Raises:
        RejectedError: It cannot be opened, has no video, an unknown codec or too large frames.
    """
    with _open(source) as container:
        if not container.streams.video:
            raise RejectedError('no frames', 'it has no video stream')
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise RejectedError('unsupported compression', 'no decoder for its codec')
        if stream.width and stream.height:
            check_size(stream.height, stream.width, options.max_pixels)
        rate = stream.average_rate or stream.guessed_rate
    return Clip(
        read=lambda step: _read_frames(source, step, options.max_pixels),
        rate=float(rate) if rate else None,
    )


def _open(source: Path | BytesIO) -> InputContainer:
    if isinstance(source, BytesIO):
        source.seek(0)
    try:
        # Metadata in another encoding than UTF-8 must not stop it; it is never read.
        return av.open(
            str(source) if isinstance(source, Path) else source,
            'r',
            metadata_errors='replace',
            timeout=(_SECONDS, None),
        )
    except (av.error.FFmpegError, ValueError):
        raise RejectedError('damaged', 'its container cannot be read') from None


def _read_frames(source: Path | BytesIO, step: int, max_pixels: int) -> Frames:
    """Decode on one thread; a packet that fails counts as one damaged frame."""
    with _open(source) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        number = 0
        packets = container.demux(stream)
        while True:
            try:
                frames = next(packets).decode()
            except StopIteration:
                return
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                yield number, None
                number += 1
                continue
            for frame in frames:
                if number % step == 0:
                    check_size(frame.height, frame.width, max_pixels)
                    yield number, None if frame.is_corrupt else frame.to_ndarray(format='rgb24')
                number += 1
