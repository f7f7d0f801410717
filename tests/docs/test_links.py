"""Links of every page, as GitHub resolves them; the site's own are checked by Sphinx.

Addresses elsewhere are looked at for their form alone, so that no test needs the network.
"""

import re
from functools import cache
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt

from support.pages.blocks import PAGES, ROOT

FILES = [*PAGES, 'CHANGELOG.md']
GENERATED = ('docs/commands.md', 'docs/configs.md', 'docs/api.md', 'docs/components.md')
SHOWN = ('docs/benchmarks.md', 'docs/demo_models.md', 'docs/contributing.md', 'docs/changelog.md')


@cache
def tokens(page):
    return MarkdownIt().enable('table').parse((ROOT / page).read_text(encoding='utf-8'))


@cache
def anchors(page):
    """Names of a page's headings, as GitHub makes them."""
    found = []
    for before, token in zip(tokens(page), tokens(page)[1:], strict=False):
        if before.type == 'heading_open':
            text = ''.join(child.content for child in token.children)
            name = re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-')
            found.append(name if name not in found else f'{name}-{found.count(name)}')
    return found


def links(page):
    """Targets of links and images, with the line of their paragraph."""
    for token in tokens(page):
        for child in token.children or ():
            target = child.attrGet('href') or child.attrGet('src')
            if target:
                yield (token.map or [0])[0] + 1, target


@pytest.mark.parametrize('page', FILES)
def test_links(page):
    wrong = []
    for line, target in links(page):
        parts = urlsplit(target)
        if parts.scheme:
            if parts.scheme not in ('http', 'https', 'mailto') or '.' not in parts.netloc:
                wrong.append(f'{page}:{line}: {target}')
            continue
        path = ((ROOT / page).parent / parts.path) if parts.path else ROOT / page
        if not path.exists():
            wrong.append(f'{page}:{line}: no {target}')
            continue
        name = path.resolve().relative_to(ROOT).as_posix()
        # What is generated has its headings on the site alone, where Sphinx checks them.
        elsewhere = not parts.fragment or name in (*GENERATED, *SHOWN)
        if not elsewhere and parts.fragment not in anchors(name):
            wrong.append(f'{page}:{line}: no heading for {target}')
    assert not wrong, '\n'.join(wrong)


def test_every_page_is_in_the_navigation():
    shown = {target for _, target in links('docs/index.md')}
    pages = {path.name for path in (ROOT / 'docs').glob('*.md')} - {'index.md'}
    assert pages <= shown


def test_the_readme_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= 150
