"""A grid over a picture whose patches the visitor paints."""

from importlib.resources import files
from typing import Any

from usfm_mm.page.offline import gradio as gr

_EMPTY = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='
# Gradio may build the component before it knows the picture, and never mends one that failed.
_TEMPLATE = """
<div class="patches">
  <img src="${typeof picture === 'undefined' ? 'EMPTY' : picture}"
    alt="the picture, with the patches that are masked">
  <div class="grid" data-columns="${(value[0] || []).length}"
    style="grid-template-columns: repeat(${(value[0] || []).length}, 1fr)">${
    value.map((row, y) => row.map((cell, x) =>
      `<span data-cell tabindex="0" role="button" aria-pressed="${cell > 0}"
        aria-label="patch ${x + 1}, ${y + 1}" class="${cell ? 'masked' : ''}"></span>`
    ).join('')).join('')
  }</div>
</div>
""".replace('EMPTY', _EMPTY)


def patch_grid(cells: list[list[int]]) -> Any:
    """The component: its value is rows of patches, 1 where masked; ``input`` tells of a change."""
    return gr.HTML(
        cells,
        html_template=_TEMPLATE,
        js_on_load=files('usfm_mm.page').joinpath('patches.js').read_text(encoding='utf-8'),
        picture=_EMPTY,
        elem_id='patches',
    )


def with_picture(picture: str) -> Any:
    """What puts another picture under the grid, and leaves the patches."""
    return gr.HTML(picture=picture)
