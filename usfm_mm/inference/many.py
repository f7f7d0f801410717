"""Answers about many files as files: read ahead, written behind, continued where it ended."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from usfm_mm.inference.ahead import WriteBehind, read_ahead
from usfm_mm.inference.formats.table import Answer, problems_in, read_rows
from usfm_mm.inference.frames import Frame
from usfm_mm.inference.groups import Problems, groups_to_do, read_groups
from usfm_mm.inference.output_folder import is_done, table_path
from usfm_mm.inference.source_writer import SourceWriter
from usfm_mm.inference.sources import names_of
from usfm_mm.io.table import write_table

Answers = Callable[[Iterator[Frame]], Iterator[Answer]]


def answer_files(
    files: list[Path],
    answers: Answers,
    writer: Callable[[str, Path], SourceWriter],
    folder: Path,
    group_size: int,
    advance: Callable[[int], None],
    bits: int | None = None,
) -> list[str]:
    """Answer about each file whose answer is not there yet, and make the table of all.

    Args:
        files: In the order of the table.
        answers: Of the frames of one group, see :mod:`usfm_mm.inference.groups`.
        writer: Of a name and a file.
        folder: What the writer writes to.
        group_size: Files of one group.
        advance: Told of how many files were finished.
        bits: In use in images of 16 bits, of all files.

    Returns:
        What could not be read, one line each.
    """
    names = dict(zip(files, names_of(files), strict=True))
    problems = Problems()
    groups = groups_to_do(
        files, group_size, lambda file: is_done(folder, names[file], file), problems
    )
    left = {str(file): names[file] for group in groups for file in group}
    advance(len(files) - len(left))
    stream = read_ahead(read_groups(groups, problems, bits), 2 * group_size)
    with WriteBehind(2 * group_size) as behind:
        for _, frames in groupby(stream, key=lambda item: item[0]):
            found = answers(frame for _, frame in frames)
            for source, of_source in groupby(found, key=lambda answer: answer.frame.source):
                _write(writer(left.pop(source), Path(source)), of_source, problems, behind)
                behind(advance, 1)
    advance(len(left))
    for source in left:
        problems.files.setdefault(source, 'no frame can be read')
    read = [name for file, name in names.items() if str(file) not in problems.files]
    rows = [row for name in read for row in read_rows(table_path(folder, name))]
    write_table(folder / 'predictions.csv', rows)
    return [f'{file}: {reason}' for file, reason in problems.files.items()] + problems_in(rows)


def _write(
    writer: SourceWriter, answers: Iterable[Answer], problems: Problems, behind: WriteBehind
) -> None:
    for answer in answers:
        behind(writer.add, answer)
    # Here the next source is being read, and so all is known of this one.
    source = str(writer.source)
    if source in problems.files:
        behind(writer.give_up)
    else:
        behind(writer.finish, problems.frames.get(source, {}))
