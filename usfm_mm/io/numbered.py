"""Files whose names end with a number: ``epoch_999`` comes before ``epoch_1000``."""

import re
from pathlib import Path


def number_of(path: Path) -> tuple[int, str]:
    """Key that sorts files by the last number of their names, then by name.

    Example:
        >>> files = [Path('epoch_1000.npz'), Path('epoch_999.npz'), Path('last.npz')]
        >>> [file.name for file in sorted(files, key=number_of)]
        ['last.npz', 'epoch_999.npz', 'epoch_1000.npz']
    """
    numbers = re.findall(r'\d+', path.stem)
    return int(numbers[-1]) if numbers else -1, path.name
