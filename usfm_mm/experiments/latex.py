"""Tables for LaTeX, with booktabs."""

from usfm_mm.experiments.tables import Rows, align

_SPECIAL = {
    **{letter: f'\\{letter}' for letter in '&%$#_{}'},
    '±': r'$\pm$',
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
}


def latex(table: Rows, caption: str = '') -> str:
    r"""A ``table`` environment; a cell that repeats the one above it in the first columns is empty.

    Example:
        >>> print(latex([{'method': 'USFM', 'DSC': '62.0 ± 2.8'}]).splitlines()[6])
        USFM & 62.0 $\pm$ 2.8 \\
    """
    columns, lines = align(table)
    repeats = [name in ('data', 'labels') for name in columns]
    body, above = [], [''] * len(columns)
    for line in lines:
        shown = list(line)
        for place, repeated in enumerate(repeats):
            if not repeated or line[: place + 1] != above[: place + 1]:
                continue
            shown[place] = ''
        body.append(_line(shown))
        above = line
    return '\n'.join(
        [
            r'\begin{table}',
            r'\centering',
            rf'\begin{{tabular}}{{{"l" * len(columns)}}}',
            r'\toprule',
            _line(columns),
            r'\midrule',
            *body,
            r'\bottomrule',
            r'\end{tabular}',
            rf'\caption{{{escape(caption)}}}',
            r'\end{table}',
            '',
        ]
    )


def escape(text: str) -> str:
    r"""Text as LaTeX prints it.

    Example:
        >>> print(escape('20 %_a'))
        20 \%\_a
    """
    return ''.join(_SPECIAL.get(letter, letter) for letter in text)


def _line(cells: list[str]) -> str:
    return ' & '.join(map(escape, cells)) + r' \\'
