"""Pieces of the page as HTML; every text that comes from a file or a model is escaped."""

from collections.abc import Sequence
from html import escape
from typing import Any


def picture(source: str, caption: str = '', title: str = '') -> str:
    """A picture with a line under it.

    Args:
        source: Its ``data:`` address.
        caption: The line.
        title: What a screen reader says; by default the line.
    """
    line = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    return f'<figure><img src="{source}" alt="{escape(title or caption)}">{line}</figure>'


def stack(sources: Sequence[str], title: str) -> str:
    """Pictures of one size over each other: the picture, the colours, the outlines."""
    kinds = ('base', 'fill', 'outline')
    images = [
        f'<img class="{kind}" src="{source}" alt="{escape(title) if kind == "base" else ""}">'
        for kind, source in zip(kinds, sources, strict=True)
    ]
    return f'<figure class="stack">{"".join(images)}</figure>'


def row(pieces: Sequence[str]) -> str:
    """Pieces next to each other."""
    return f'<div class="side">{"".join(pieces)}</div>'


def wide(shown: str, said: str) -> str:
    """A picture, and beside it what is said of it."""
    return f'<div class="wide"><div>{shown}</div><div>{said}</div></div>'


def table(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """A table; a cell that is a tuple is a colour (RGB) and a text.

    Example:
        >>> table(['class'], [['<b>']])
        '<table><tr><th>class</th></tr><tr><td>&lt;b&gt;</td></tr></table>'
    """
    rows = [''.join(f'<th>{escape(name)}</th>' for name in head)]
    rows += [''.join(f'<td>{_cell(cell)}</td>' for cell in line) for line in lines]
    return f'<table>{"".join(f"<tr>{cells}</tr>" for cells in rows)}</table>'


def _cell(cell: Any) -> str:
    if isinstance(cell, tuple):
        (red, green, blue), text = cell
        return f'<i style="background:rgb({red},{green},{blue})"></i>{escape(text)}'
    return escape(str(cell))


def bar(name: str, text: str, share: float, first: bool) -> str:
    """A line with a name, a number and a bar of its share, 0 to 1."""
    kind = ' class="first"' if first else ''
    return (
        f'<tr{kind}><td>{escape(name)}</td><td><b style="width:{100 * share:.2f}%"></b></td>'
        f'<td>{escape(text)}</td></tr>'
    )


def problem(text: str) -> str:
    """What went wrong, in the words of the shell."""
    return f'<p class="problem" role="alert">error: {escape(text)}</p>'


def note(text: str) -> str:
    """A remark."""
    return f'<p class="note">{escape(text)}</p>'
