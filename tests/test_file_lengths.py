"""Files with one role are short: what CONTRIBUTING.md asks, over the package and its tools."""

import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_files_are_short():
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding='utf-8').splitlines())
        for folder in ('usfm_mm', 'tools')
        for path in (ROOT / folder).rglob('*.py')
        if '.mim' not in path.parts
    }
    assert statistics.median(lines.values()) <= 90
    assert {name: count for name, count in lines.items() if count > 250} == {}
