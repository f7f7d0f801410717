"""What a model answers about one frame, as HTML with the numbers that ``usfm predict`` writes."""

from typing import Any

from usfm_mm.inference.answers import Measurement
from usfm_mm.inference.formats.table import row_of
from usfm_mm.inference.frames import Frame
from usfm_mm.inference.predict import classify_frames, enhance_frames, segment_frames
from usfm_mm.inference.source_writer import palette_of
from usfm_mm.page import markup
from usfm_mm.page.pixels import data_uri, layer_of, outline_of


def segmentation(model: Any, frame: Frame) -> str:
    """The picture with its classes over it, and their areas."""
    [answer] = segment_frames([model], [frame], 1, False, None)
    palette, numbers = palette_of(model.card), row_of(answer)
    layers = [frame.pixels, layer_of(answer.mask, palette), outline_of(answer.mask, palette)]
    head = ['', 'area in pixels', 'area in mm²']
    lines = [
        [(colour, name), numbers[f'{name}_px'], numbers[f'{name}_mm2']]
        for name, colour in list(zip(answer.classes, palette, strict=True))[1:]
    ]
    unknown = ''
    if answer.areas_mm2 is None:
        head, lines = head[:2], [line[:2] for line in lines]
        unknown = markup.note('No areas in mm²: the file does not tell how large a pixel is.')
    shown = markup.stack([data_uri(layer) for layer in layers], f'{frame.source}, segmented')
    return markup.wide(shown, markup.table(head, lines) + unknown)


def classification(model: Any, frame: Frame) -> str:
    """The picture, and the score of each class, the likeliest first; or the numbers."""
    [answer] = classify_frames([model], [frame], 1, False, None)
    numbers = row_of(answer)
    if isinstance(answer, Measurement):
        shown = markup.picture(data_uri(frame.pixels), title=f'{frame.source}, measured')
        lines = [[name, numbers[name]] for name in answer.values]
        return markup.wide(shown, markup.table(['', 'value'], lines))
    there = answer.findings or (answer.label,)
    order = sorted(answer.scores, key=lambda name: -answer.scores[name])
    bars = [
        markup.bar(name, str(numbers[f'score_{name}']), answer.scores[name], name in there)
        for name in order
    ]
    shown = markup.picture(data_uri(frame.pixels), title=f'{frame.source}, classified')
    return markup.wide(shown, f'<table class="scores">{"".join(bars)}</table>')


def enhancement(model: Any, frame: Frame) -> str:
    """The picture before and after."""
    [answer] = enhance_frames(model, [frame], 1, False)
    return markup.row(
        [
            markup.picture(data_uri(frame.pixels), 'as it is'),
            markup.picture(data_uri(answer.image), 'enhanced'),
        ]
    )


VIEWS = {'segment': segmentation, 'classify': classification, 'enhance': enhancement}
"""By task; reconstruction, which is also given masks, is a module of its own."""


def card_line(name: str, card: Any) -> str:
    """What a model is, in one line: its name, what it was trained on, and on how much."""
    data = getattr(card, 'data', None) or {}
    trained = f'trained on {data["name"]}' if data.get('name') else ''
    if trained and data.get('images'):
        trained += f' ({data["images"]} images)'
    return ', '.join(part for part in (f'Model: {name}', trained) if part)


def frame_lines(frame: Frame, count: int) -> list[str]:
    """What a frame is: file, size, size of a pixel, and of a clip its number and time."""
    height, width = frame.pixels.shape[:2]
    parts = [frame.source, f'{width} × {height} pixels']
    if frame.spacing:
        parts.append(f'a pixel is {frame.spacing[1]:.4g} × {frame.spacing[0]:.4g} mm')
    if count > 1:
        parts.append(f'frame {frame.number}' + (f' at {frame.time:.2f} s' if frame.rate else ''))
    return parts
