"""What makes the site of pages that are GitHub's Markdown, and what it makes from the code.

A page says by a comment where something generated stands: ``<!-- generated: commands -->``. A file
of the repository is shown in the place of a link to it that ``<!-- shown here -->`` follows.
"""

import re
from pathlib import Path
from typing import Any

from .api import functions_page, registered_page
from .commands import commands_page
from .configs import configs_page
from .pages import rewrite_links, show_file, with_toctrees

GENERATED = {
    'commands': commands_page,
    'configs': configs_page,
    'functions': functions_page,
    'registered': registered_page,
}
MARK = re.compile(r'^<!-- generated: (\w+) -->$', re.MULTILINE)
SHOWN = re.compile(r'^\[[^\]]+\]\(\.\./([\w./-]+\.md)\) <!-- shown here -->$', re.MULTILINE)


def read(app: Any, name: str, source: list[str]) -> None:
    """Text of a page as Sphinx gets it."""
    root = Path(app.srcdir).parent
    text = source[0]
    if name == app.config.root_doc:
        text = with_toctrees(text)
    for mark in MARK.finditer(text):
        text = text.replace(mark[0], GENERATED[mark[1]]())
    for mark in SHOWN.finditer(text):
        app.env.note_dependency(str(root / mark[1]))
        text = text.replace(mark[0], show_file(root, mark[1]))
    source[0] = rewrite_links(text)


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect('source-read', read)
    return {'parallel_read_safe': True}
