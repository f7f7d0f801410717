"""A conversion takes the place of an earlier one, but of nothing that a user put there."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from usfm_mm.converters.items import Converter

_LIST = '.written'


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside ``out`` that takes its place at the end, or goes after an error.

    What was written is listed in it, so that a later conversion knows what it may replace.
    """
    partial = out.with_name(f'.{out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        names = [path.relative_to(partial).as_posix() for path in _files(partial)]
        (partial / _LIST).write_text('\n'.join(names) + '\n', encoding='utf-8')
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_replaceable(converter: Converter, out: Path) -> None:
    """Refuse to replace what no earlier call made of the same data for the same task.

    Raises:
        FileExistsError: ``out`` has other content, also in part.
    """
    if not out.exists() or not any(out.iterdir()):
        return
    remedy = 'name a new folder, or remove this one'
    try:
        about = json.loads((out / 'dataset.json').read_text(encoding='utf-8'))
        made_of, former = about['name'], (bool(about['seg_classes']), bool(about['cls_classes']))
    except (OSError, ValueError, KeyError, TypeError):
        raise FileExistsError(f'{out} holds something else: {remedy}') from None
    if made_of != converter.name:
        raise FileExistsError(f'{out} holds {made_of}: {remedy}')
    if former != (bool(converter.seg_classes), bool(converter.cls_classes)):
        raise FileExistsError(f'{out} was made for another task than {converter.task}: {remedy}')
    try:
        written = set((out / _LIST).read_text(encoding='utf-8').splitlines())
        when = (out / _LIST).stat().st_mtime_ns
    except OSError:
        raise FileExistsError(
            f'{out} does not tell which of its files a conversion wrote: {remedy}'
        ) from None
    for path in _files(out):
        name = path.relative_to(out).as_posix()
        if name != _LIST and (name not in written or path.lstat().st_mtime_ns > when):
            raise FileExistsError(
                f'{path} was put there or changed after the conversion, and would be lost: move it '
                f'away, or {remedy}'
            )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob('*') if not path.is_dir())
