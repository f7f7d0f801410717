"""The report: one HTML page that needs no other file and holds no private data."""

import base64
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from usfm_mm.database.images import SPACING_COLUMNS
from usfm_mm.database.journal import Journal
from usfm_mm.database.scanner import Scanner
from usfm_mm.database.scanner_drawing import draw_scanners
from usfm_mm.database.types import FITTED, NOT_FITTED
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.image import encode_png
from usfm_mm.sampling import organ_probabilities
from usfm_mm.visualization.organs import organ_chart

_SAMPLES = 8
_THUMB = 112
_MAX_BARS = 30


def write_report(
    path: Path,
    table: pa.Table,
    about: dict[str, Any],
    counts: dict[str, int],
    journal: Journal,
    read: Callable[[str], np.ndarray],
    scanners: Sequence[Scanner] = (),
) -> None:
    """Write the report.

    Args:
        path: The HTML file.
        table: Its index.
        about: Content of ``database.json``.
        counts: Images by fate: 'kept', 'exact', 'near', 'excluded like'.
        journal: For what was left out and removed.
        read: Gives the image uint8 [H, W] of a path in the index.
        scanners: Those whose picture lies in a known place.
    """
    tallies, reasons = journal.tallies(), journal.reasons()
    labels = {name: _counts(table, name) for name in ('organ', 'center', 'device')}
    fates = [(*what.split(': ', 1), count) for what, count in _ordered(tallies['fields'])]
    html = _template().render(
        about=about,
        counts=counts,
        labels=labels,
        files=sum(reasons.values()),
        read=reasons.pop('', 0),
        empty=journal.files_without_images(),
        reasons=_ordered(reasons),
        frames=_ordered(tallies['frames']),
        doubts=_ordered(tallies['doubts']),
        removed=_ordered(tallies['removed']),
        fields={
            fate: [(name, count) for own, name, count in fates if own == fate]
            for fate in ('hashed', 'read by rules', 'dropped')
        },
        patients=len(table['patient'].unique().drop_null()),
        calibrated=len(table) - table[SPACING_COLUMNS[0]].null_count,
        val=table['split'].to_pylist().count('val'),
        organ_figure=_organ_figure(labels['organ']),
        figures={
            name: _bars(labels[name], name)
            for name in ('center', 'device')
            if any(label is not None for label, _ in labels[name])
        },
        samples=_samples(table, read),
        scanners=[
            (name, *(tallies['outlines'][f'{fate}: {name}'] for fate in (FITTED, NOT_FITTED)))
            for name in (one.name for one in scanners)
        ],
        scanner_figure=_scanner_figure(scanners),
    )
    write_atomic(path, html.encode())


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader('usfm_mm.database', '.'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['n'] = lambda number: f'{number:,}'
    return environment.get_template('report.html.j2')


def _ordered(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _counts(table: pa.Table, column: str) -> list[tuple[str | None, int]]:
    values = table[column].cast(pa.string()).value_counts().to_pylist()
    pairs = [(value['values'], value['counts']) for value in values]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0] or ''))


def _organ_figure(organs: list[tuple[str | None, int]]) -> str:
    """Images of each organ and how often it is drawn (Eq. 1), as the paper's Fig. 3 shows them."""
    if not organs:
        return ''
    counts = np.array([count for _, count in organs])
    return _svg(organ_chart([str(name) for name, _ in organs], counts, organ_probabilities(counts)))


def _scanner_figure(scanners: Sequence[Scanner]) -> str:
    drawn = draw_scanners(scanners)
    if drawn is None:
        return ''
    return _data_uri('image/png', encode_png(drawn[..., ::-1], compression=9))


def _bars(values: list[tuple[str | None, int]], name: str) -> str:
    shown = values[:_MAX_BARS]
    figure = Figure(figsize=(7, 0.3 * len(shown) + 0.9), layout='constrained')
    axes = figure.subplots()
    bars = axes.barh(range(len(shown)), [count for _, count in shown], 0.7)
    axes.bar_label(bars, fmt='{:,.0f}', padding=2, fontsize=8)
    rest = f', the first {_MAX_BARS} of {len(values)}' if len(values) > _MAX_BARS else ''
    axes.set(xscale='log', xlabel=f'images by {name}{rest}', yticks=range(len(shown)))
    # A dollar sign would begin a formula.
    axes.set_yticklabels([(label or 'not known').replace('$', r'\$') for label, _ in shown])
    axes.margins(x=0.15)
    axes.invert_yaxis()
    return _svg(figure)


def _svg(figure: Figure) -> str:
    """Source of an inline picture; the same for the same figure."""
    stream = io.StringIO()
    FigureCanvasAgg(figure)
    # Text stays text; a fixed salt makes the names of the drawing's parts the same every time.
    with rc_context({'svg.hashsalt': 'usfm_mm', 'svg.fonttype': 'none'}):
        figure.savefig(stream, format='svg', metadata={'Date': None})
    return _data_uri('image/svg+xml', stream.getvalue().encode())


def _samples(table: pa.Table, read: Callable[[str], np.ndarray]) -> list[tuple[str, list[str]]]:
    """Of each organ some images, evenly spaced by name, which is as good as at random."""
    organs = np.array(table['organ'].cast(pa.string()).to_pylist())
    rows = []
    for organ in sorted(set(organs.tolist())):
        places = np.flatnonzero(organs == organ)
        chosen = np.unique(np.linspace(0, len(places) - 1, _SAMPLES).round().astype(int))
        paths = table['path'].take(pa.array(places[chosen])).to_pylist()
        rows.append((organ, [_thumbnail(read(path)) for path in paths]))
    return rows


def _thumbnail(image: np.ndarray) -> str:
    scale = _THUMB / max(image.shape)
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return _data_uri('image/png', encode_png(small, compression=9))


def _data_uri(kind: str, content: bytes) -> str:
    return f'data:{kind};base64,{base64.b64encode(content).decode()}'
