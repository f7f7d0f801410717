"""Answers about many files as files: read ahead, written behind, continued where it ended."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from usfm_mm.inference.ahead import WriteBehind, read_ahead
from usfm_mm.inference.formats.table import Answer, problems_in, read_rows
from usfm_mm.inference.frames import Frame, frames_of
from usfm_mm.inference.output_folder import is_done, table_path
from usfm_mm.inference.source_writer import SourceWriter
from usfm_mm.inference.sources import names_of
from usfm_mm.io.table import write_table

Answers = Callable[[Iterator[Frame]], Iterator[Answer]]
Source = tuple[Path, str]


@dataclass
class _Problems:
    """What could not be read, told by the thread that reads."""

    files: dict[str, str] = field(default_factory=dict)
    frames: dict[str, dict[int, str]] = field(default_factory=dict)

    def __call__(self, source: str, number: int | None, reason: str) -> None:
        if number is None:
            self.files[source] = reason
        else:
            self.frames.setdefault(source, {})[number] = reason


def answer_files(
    files: list[Path],
    answers: Answers,
    writer: Callable[[str, Path], SourceWriter],
    folder: Path,
    group_size: int,
    advance: Callable[[int], None],
) -> list[str]:
    """Answer about each file whose answer is not there yet, and make the table of all.

    Files go through the network in groups that depend on nothing but their list, so that a run
    that was cut off and goes on has the very numbers of one that was not; of a group in which
    one is missing, all are made again.

    Args:
        files: In the order of the table.
        answers: Of the frames of one group.
        writer: Of a name and a file.
        folder: What the writer writes to.
        group_size: Files of one group.
        advance: Told of how many files were finished.

    Returns:
        What could not be read, one line each.
    """
    sources = list(zip(files, names_of(files), strict=True))
    problems, groups = _Problems(), []
    for start in range(0, len(sources), group_size):
        group = sources[start : start + group_size]
        if _is_missing(folder, group, problems):
            groups.append(group)
        else:
            advance(len(group))
    _answer_groups(groups, answers, writer, problems, group_size, advance)
    tables = [table_path(folder, name) for file, name in sources if str(file) not in problems.files]
    rows = [row for table in tables for row in read_rows(table)]
    write_table(folder / 'predictions.csv', rows)
    return [f'{file}: {reason}' for file, reason in problems.files.items()] + problems_in(rows)


def _is_missing(folder: Path, group: list[Source], problems: _Problems) -> bool:
    """Whether a group has a file that can be read and is not done."""
    missing = [file for file, name in group if not is_done(folder, name, file)]
    if len(missing) == len(group):
        return True
    for file in missing:
        frame = next(frames_of(file, problems), None)
        if frame is not None:
            problems.frames.pop(str(file), None)
            return True
        problems.files.setdefault(str(file), 'no frame can be read')
    return False


def _read(groups: list[list[Source]], problems: _Problems) -> Iterator[tuple[int, Frame]]:
    for number, group in enumerate(groups):
        for file, _ in group:
            try:
                for frame in frames_of(file, problems):
                    yield number, frame
            except OSError as error:  # it has gone meanwhile
                problems(str(file), None, str(error))


def _answer_groups(
    groups: list[list[Source]],
    answers: Answers,
    writer: Callable[[str, Path], SourceWriter],
    problems: _Problems,
    group_size: int,
    advance: Callable[[int], None],
) -> None:
    stream = read_ahead(_read(groups, problems), 2 * group_size)
    names = {str(file): name for group in groups for file, name in group}
    with WriteBehind(2 * group_size) as behind:
        for _, frames in groupby(stream, key=lambda item: item[0]):
            found = answers(frame for _, frame in frames)
            for source, of_source in groupby(found, key=lambda answer: answer.frame.source):
                _write(writer(names.pop(source), Path(source)), of_source, problems, behind)
                behind(advance, 1)
    advance(len(names))
    for source in names:
        problems.files.setdefault(source, 'no frame can be read')


def _write(
    writer: SourceWriter, answers: Iterable[Answer], problems: _Problems, behind: WriteBehind
) -> None:
    for answer in answers:
        behind(writer.add, answer)
    # Here the next source is being read, and so all is known of this one.
    source = str(writer.source)
    if source in problems.files:
        behind(writer.give_up)
    else:
        behind(writer.finish, problems.frames.get(source, {}))
