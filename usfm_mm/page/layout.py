"""The page: a place to drop a file, what was dropped, and a tab for each thing models can do."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from usfm_mm.page import markup
from usfm_mm.page.alike import Index
from usfm_mm.page.offline import gradio as gr
from usfm_mm.page.opened import Opened, frame_at, open_picture
from usfm_mm.page.tabs import (
    ERRORS,
    QUIET,
    READING,
    SLOW,
    TITLES,
    Served,
    Step,
    alike_tab,
    task_tab,
)
from usfm_mm.page.views import frame_lines

_HEAD = """<h1>Ultrasound models</h1>
<p>For research, not for diagnosis. What is dropped here stays in the memory of the computer that
serves this page until the tab is closed, and goes nowhere else.</p>"""
_KEPT = 1800  # seconds after which what was dropped is forgotten


def build(
    served: list[Served], index: Index | None, read: Callable[[str, str], Opened] = open_picture
) -> Any:
    """The page of models and of an index.

    Args:
        served: Models.
        index: Pictures to look for similar ones in.
        read: Opens a file, given its path and the name that the visitor calls it.

    Returns:
        ``gradio.Blocks``.
    """
    with gr.Blocks(
        title='Ultrasound models', analytics_enabled=False, delete_cache=(60, _KEPT)
    ) as page:
        gr.HTML(_HEAD, elem_id='head')
        opened = gr.State(None, time_to_live=_KEPT)
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                drop = gr.File(label='Image, DICOM file or clip', elem_id='drop', height=170)
                drop.preprocess = _sent  # Gradio's makes an empty file each time
                told = gr.HTML(elem_id='told')
                place = gr.Slider(0, 1, 0, step=1, label='Frame', visible=False, elem_id='frame')
            with gr.Column(scale=4, min_width=480), gr.Tabs():
                steps: list[Step] = []
                for task in TITLES:
                    models = [one for one in served if one.model.card.task == task]
                    if models:
                        steps += task_tab(task, models, opened, place)
                if index is not None:
                    steps += alike_tab(index, opened, place)
        arrived = drop.upload(partial(_take, read), [drop], [drop, opened, told, place], **READING)
        moved = place.input(_tell, [opened, place], [told], trigger_mode='always_last', **QUIET)
        for event, how in ((arrived, SLOW), (moved, QUIET)):
            for step in steps:
                inputs = [opened, place, *step.inputs]
                event = event.then(step.function, inputs, step.outputs, **how)
    return page


def _sent(payload: Any) -> tuple[str, str] | None:
    """Path of what was dropped, and how the visitor calls it."""
    return (payload.path, Path(payload.orig_name or payload.path).name) if payload else None


def _take(read: Callable[[str, str], Opened], sent: tuple[str, str] | None) -> tuple:
    """Read what was dropped, and remove it from the disk whatever becomes of it."""
    hidden = gr.Slider(value=0, visible=False)
    if sent is None:
        return None, gr.skip(), gr.skip(), gr.skip()
    path, name = sent
    try:
        file = read(path, name)
    except ERRORS as error:
        return None, None, markup.problem(str(error)), hidden
    finally:
        Path(path).unlink(missing_ok=True)
        with suppress(OSError):  # the folder that Gradio made for it
            Path(path).parent.rmdir()
    count = len(file.frames)
    slider = gr.Slider(maximum=max(count - 1, 1), value=0, visible=count > 1)
    return None, file, _told(file, 0), slider


def _tell(file: Opened | None, number: int) -> str:
    return _told(file, number) if file else ''


def _told(file: Opened, number: int) -> str:
    lines = frame_lines(frame_at(file, number), len(file.frames))
    return ''.join([*map(markup.note, lines), *map(markup.problem, file.problems)])
