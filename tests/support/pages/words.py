"""Commands in a shell block, word by word."""

import re
import shlex


def commands(text: str) -> list[list[str]]:
    r"""Simple commands, without variables' assignments before them.

    Example:
        >>> commands("A=1 usfm train x --lr 1e-3  # rate\nusfm doctor | cat")
        [['usfm', 'train', 'x', '--lr', '1e-3'], ['usfm', 'doctor'], ['cat']]
    """
    found = []
    lexer = shlex.shlex(
        text.replace('\\\n', ' ').replace('\n', '\n;\n'), posix=True, punctuation_chars=';|&(){}'
    )
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ';']:
        if set(word) <= set(';|&(){}'):
            while words and re.fullmatch(r'\w+=.*', words[0], re.DOTALL):
                del words[0]
            if words:
                found.append(words)
            words = []
        else:
            words.append(word)
    return found
