"""Where a run goes on."""

from pathlib import Path

from usfm_mm.io.atomic import write_atomic

_END = 'finished_at'


def latest_checkpoint(work_dir: str) -> Path | None:
    """The checkpoint to resume from in a work dir; None where there is none yet.

    mmengine stores its path as it was when it was written; here the file beside is taken, so that
    a work dir may be copied or moved. Where none is named yet, as when the disk was full before the
    first interval, it is the best one, which is complete.

    Raises:
        FileNotFoundError: If the file is gone.
    """
    pointer = Path(work_dir, 'last_checkpoint')
    if not pointer.is_file():
        best = Path(work_dir).glob('best_*.pth')
        return max(best, key=lambda path: path.stat().st_mtime, default=None)
    written = Path(pointer.read_text().strip())
    for path in (Path(work_dir, written.name), written):  # the hook may save elsewhere (out_dir)
        if path.exists():
            return path
    raise FileNotFoundError(
        f'{pointer} names {written.name}, which is gone: name another checkpoint, or remove '
        f'{pointer} to begin anew'
    )


def note_end(work_dir: str, iteration: int) -> None:
    """Leave word in a work dir that its run is over, its last validation included.

    Args:
        work_dir: Of the run.
        iteration: The last one.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     note_end(folder, 600)
        ...     ended_at(folder, 600), ended_at(folder, 900)  # a longer run goes on
        (True, False)
    """
    write_atomic(Path(work_dir, _END), f'{iteration}\n'.encode())


def ended_at(work_dir: str | Path, iteration: int) -> bool:
    """Whether :func:`note_end` noted this iteration."""
    path = Path(work_dir, _END)
    return path.is_file() and path.read_text().strip() == str(iteration)
