"""Pages as GitHub shows them, turned into pages of the site."""

import posixpath
import re
from pathlib import Path

SHOWN_AS = {
    'README.md': 'index.md',
    'benchmarks/README.md': 'benchmarks.md',
    'models/README.md': 'demo_models.md',
    'CONTRIBUTING.md': 'contributing.md',
    'CHANGELOG.md': 'changelog.md',
}
"""Files outside ``docs/``, and the pages that show them."""

LINK = re.compile(r'(\]\()([^()\s#:]+)(#[^()\s]*)?(?=\))')


def rewrite_links(text: str) -> str:
    """Let links from ``docs/`` to a file that a page shows go to that page."""

    def replace(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join('docs', link[2]))
        return f'{link[1]}{SHOWN_AS.get(path, link[2])}{link[3] or ""}'

    return LINK.sub(replace, text)


def show_file(root: Path, name: str) -> str:
    """Text of a Markdown file without its title, its links relative to ``docs/``."""
    folder = posixpath.dirname(name)

    def replace(link: re.Match[str]) -> str:
        path = posixpath.relpath(posixpath.join(folder, link[2]), 'docs')
        return f'{link[1]}{path}{link[3] or ""}'

    text = (root / name).read_text(encoding='utf-8')
    return LINK.sub(replace, re.sub(r'\A# .*\n', '', text))


def with_toctrees(text: str) -> str:
    """The first page, its lists of links under a heading being the site's navigation too."""
    trees = []
    for section in re.split(r'^## ', text, flags=re.MULTILINE)[1:]:
        names = re.findall(r'^- \[[^\]]+\]\(([\w/]+)\.md\)', section, re.MULTILINE)
        if names:
            caption = section.splitlines()[0]
            lines = ['```{toctree}', ':hidden:', f':caption: {caption}', '', *names, '```']
            trees.append('\n'.join(lines))
    return '\n\n'.join([text, *trees])
