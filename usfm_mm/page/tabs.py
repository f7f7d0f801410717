"""A tab for each thing that the given models can do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from usfm_mm.page import markup, rebuilding
from usfm_mm.page.alike import Index, alike
from usfm_mm.page.grid import patch_grid, with_picture
from usfm_mm.page.offline import gradio as gr
from usfm_mm.page.opened import Opened, frame_at
from usfm_mm.page.pixels import data_uri
from usfm_mm.page.views import VIEWS, card_line

TITLES = {
    'segment': 'Segment',
    'classify': 'Classify',
    'enhance': 'Enhance',
    'pretrain': 'Reconstruct',
}
ERRORS = (ValueError, OSError, LookupError, ImportError, RuntimeError)
_FADE = "(percent) => document.documentElement.style.setProperty('--cover', percent / 100)"


QUIET: dict[str, Any] = dict(
    show_progress='hidden', api_visibility='private', concurrency_id='models', concurrency_limit=1
)
"""How each function is called: one at a time, and not as a programming interface."""
SLOW: dict[str, Any] = {**QUIET, 'show_progress': 'minimal'}
READING: dict[str, Any] = {**SLOW, 'concurrency_id': 'files'}  # models answer meanwhile
_FIRST = markup.note('Drop a picture first.')


@dataclass(frozen=True)
class Served:
    """A model as the page names it."""

    name: str
    model: Any


@dataclass(frozen=True)
class Step:
    """What is done when another frame is shown.

    Attributes:
        function: Takes the opened file, the place of the frame, then the inputs.
        inputs: Components.
        outputs: Likewise.
    """

    function: Callable[..., Any]
    inputs: list[Any]
    outputs: list[Any]


def task_tab(task: str, served: list[Served], opened: Any, place: Any) -> list[Step]:
    """Tab of the models for one task."""
    with gr.Tab(TITLES[task], elem_id=f'tab-{task}') as tab:
        chosen = _chooser(served)
        if task == 'pretrain':
            return _when_opened(tab, _reconstruct(served, chosen, opened, place), opened, place)
        if task == 'segment':
            fade = gr.Slider(0, 100, 35, step=1, label='Colour over the picture, %', elem_id='fade')
            fade.input(None, [fade], None, js=_FADE)
        answer = gr.HTML(_FIRST, elem_classes='answer', elem_id=f'answer-{task}')

        def show(file: Opened | None, number: int, which: int) -> str:
            one = served[which]
            view = VIEWS[task]
            return _answer(file, number, lambda frame: view(one.model, frame)) + _foot(one)

        step = Step(show, [chosen], [answer])
        chosen.input(show, [opened, place, chosen], [answer], **QUIET)
        return _when_opened(tab, [step], opened, place)


def alike_tab(index: Index, opened: Any, place: Any) -> list[Step]:
    """Tab of the pictures of an index that are nearest."""
    with gr.Tab('Similar', elem_id='tab-alike') as tab:
        answer = gr.HTML(_FIRST, elem_classes='answer', elem_id='answer-alike')

    def show(file: Opened | None, number: int) -> str:
        return _answer(file, number, lambda frame: alike(index, frame)) + markup.note(
            f'Nearest by the cosine between features, of {len(index.table.sources)} in {index.name}'
        )

    return _when_opened(tab, [Step(show, [], [answer])], opened, place)


def _when_opened(tab: Any, steps: list[Step], opened: Any, place: Any) -> list[Step]:
    """Do the steps of a tab when it is opened, too.

    Gradio builds what is in a tab when it is opened, and loses what comes to it just then.
    """
    event = tab.select
    for step in steps:
        event = event(step.function, [opened, place, *step.inputs], step.outputs, **QUIET).then
    return steps


def _reconstruct(served: list[Served], chosen: Any, opened: Any, place: Any) -> list[Step]:
    card = served[0].model.card
    cells, stopped = rebuilding.drawn_cells(card, 0)
    with gr.Row():
        with gr.Column(scale=2, min_width=260):
            gr.HTML(markup.note('Paint the patches that the model is not to see.'))
            grid = patch_grid(cells)
        with gr.Column(scale=1, min_width=220):
            bands = gr.CheckboxGroup(
                rebuilding.band_names(card),
                value=stopped,
                label='Frequencies taken out, cycles per image',
                elem_id='bands',
            )
            seed = gr.State(0)
            again = gr.Button('Draw at random', elem_id='draw')
            none = gr.Button('Mask nothing', elem_id='clear')
    answer = gr.HTML(_FIRST, elem_classes='answer', elem_id='answer-pretrain')

    def show(
        file: Opened | None, number: int, which: int, cells: list[list[int]], stopped: list[int]
    ) -> str:
        one = served[which]
        size = one.model.card.image_size
        return _answer(
            file,
            number,
            lambda frame: rebuilding.reconstruction(
                rebuilding.rebuild(one.model, frame, cells, stopped), size
            ),
        ) + _foot(one)

    def draw(which: int, seed: int) -> tuple:
        return *rebuilding.drawn_cells(served[which].model.card, seed + 1), seed + 1

    def fresh(which: int) -> tuple:
        names = rebuilding.band_names(served[which].model.card)
        cells, stopped = rebuilding.drawn_cells(served[which].model.card, 0)
        return cells, gr.CheckboxGroup(names, value=stopped), 0

    def nothing(which: int) -> tuple:
        cells, _ = rebuilding.drawn_cells(served[which].model.card, 0)
        return [[0] * len(row) for row in cells], []

    def picture(file: Opened | None, number: int) -> Any:
        return with_picture(data_uri(frame_at(file, number).pixels)) if file else gr.skip()

    inputs = [opened, place, chosen, grid, bands]
    for component in (grid, bands):
        component.input(show, inputs, [answer], trigger_mode='always_last', **QUIET)
    for event in (
        again.click(draw, [chosen, seed], [grid, bands, seed], **QUIET),
        none.click(nothing, [chosen], [grid, bands], **QUIET),
        chosen.input(fresh, [chosen], [grid, bands, seed], **QUIET),
    ):
        event.then(show, inputs, [answer], **QUIET)
    return [Step(picture, [], [grid]), Step(show, [chosen, grid, bands], [answer])]


def _chooser(served: list[Served]) -> Any:
    names = [(one.name, number) for number, one in enumerate(served)]
    return gr.Dropdown(names, value=0, label='Model', visible=len(served) > 1)


def _answer(file: Opened | None, number: int, view: Callable[..., str]) -> str:
    if file is None:
        return _FIRST
    try:
        return view(frame_at(file, number))
    except ERRORS as error:
        return markup.problem(str(error))


def _foot(one: Served) -> str:
    return markup.note(card_line(one.name, one.model.card))
