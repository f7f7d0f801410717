"""Code blocks of Markdown pages, each with what a comment before it says."""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob('docs/*.md'),
        *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md')),
        *ROOT.glob('models/README.md'),
        *ROOT.glob('benchmarks/README.md'),
    )
)
SHELL, PYTHON = ('bash', 'sh', 'console'), ('python', 'py')
TEXT = ('', 'text', 'yaml', 'toml', 'json')
MARK = re.compile(r'<!-- (not run|tested): (.+?) -->', re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: Its path in the repository.
        line: Where it begins.
        language: Of its fence; '' without one.
        text: What stands in it.
        not_run: Why it cannot be run here; '' where it is run.
        tested: The test that runs it in the place of this one.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str = ''
    tested: str = ''

    @property
    def is_config(self) -> bool:
        """Is it a config of OpenMMLab, rather than a program?"""
        assigned = re.match(r'(#[^\n]*\n)*(_base_|model|train_cfg) = ', self.text)
        return self.language in PYTHON and bool(assigned)

    def __str__(self) -> str:
        return f'{self.page}:{self.line}'


def blocks_of(page: str, text: str | None = None) -> list[Block]:
    """Blocks of a page, also those in lists and quotes, in their order.

    Raises:
        ValueError: A comment stands before no block, or a block is in a language not known here.
    """
    if text is None:
        text = (ROOT / page).read_text(encoding='utf-8')
    found: list[Block] = []
    mark, mark_line = None, 0
    for token in MarkdownIt().parse(text):
        if token.type == 'html_block' and (match := MARK.fullmatch(token.content.strip())):
            mark, mark_line = match, token.map[0] + 1
        elif token.type == 'fence':
            language = token.info.split()[0] if token.info.strip() else ''
            if language.startswith('{'):  # a directive of the site
                continue
            if language not in (*SHELL, *PYTHON, *TEXT):
                raise ValueError(f'{page}:{token.map[0] + 1}: a block in {language!r}')
            told = {mark[1].replace(' ', '_'): ' '.join(mark[2].split())} if mark else {}
            found.append(Block(page, token.map[0] + 1, language, token.content, **told))
            mark = None
        elif token.type == 'inline' and mark:
            break
    if mark:
        raise ValueError(f'{page}:{mark_line}: {mark[0]!r} stands before no block')
    return found
