"""All that a GPU is asked for, in pieces of minutes: tests, benchmarks, the large study.

    python -m benchmarks.gpu RESULTS [--minutes 9] [--tiny]

A call goes on where the last one was stopped and ends after ``--minutes``: with status 0 where all
is done, 75 where more is left, else 1 where a piece failed, which any next call tries again. Then
``RESULTS`` has ``gpu.json``, with what every piece gave, and ``figures``. ``--tiny`` proves each
piece on a CPU, in ``RESULTS/tiny``, with sizes whose numbers mean nothing.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from usfm_mm.experiments import machine
from usfm_mm.experiments.collecting import read_parquet
from usfm_mm.experiments.states import CUT, DONE, FAILED
from usfm_mm.io.atomic import write_atomic

LEFT = 75  # EX_TEMPFAIL: call again
MARGIN = 30  # seconds of a call that are left to a training to save its checkpoint


@dataclass(frozen=True)
class Piece:
    """A command, and the file that it leaves.

    Attributes:
        name: Of its record, ``pieces/NAME.json``.
        command: Words; it goes on where it was stopped, or is short.
        result: JSON, JUnit's XML or Parquet that it writes.
    """

    name: str
    command: tuple[str, ...]
    result: Path


def pieces_of(folder: Path, tiny: bool) -> list[Piece]:
    """All pieces, the short ones first."""
    python, made = sys.executable, folder / 'pieces'
    tests = ('-m', 'pytest', '-m', 'gpu', '-q', '-p', 'no:cacheprovider', 'tests')
    found = [
        Piece('tests', (python, *tests, f'--junitxml={made}/tests.xml'), made / 'tests.xml'),
    ]
    size: tuple[str, ...] = ('--batch-size', '128', '--warmup', '3')
    if tiny:
        size = ('--arch', 'tiny', '--size', '64', '--batch-size', '2', '--rounds', '1')
    step = ('-m', 'benchmarks.training_step', '--dtypes', 'bf16', *size)
    for name, words in {'step': (), 'step_compiled': ('--compile',)}.items():
        result = made / f'{name}_result.json'
        found.append(Piece(name, (python, *step, *words, '--out', str(result)), result))
    study = 'small_study_quick' if tiny else 'large_study'
    gpus = () if tiny else ('--gpus', '0', '--jobs', '3')
    words = ('-m', 'usfm_mm', 'experiment', study, '--work-dir', str(folder / 'study'), *gpus)
    found.append(Piece('study', (python, *words), folder / 'study' / study / 'results.parquet'))
    return found


def do_pieces(folder: Path, pieces: list[Piece], seconds: float) -> int:
    """Do what is left, as far as the time goes.

    Args:
        folder: Of the records.
        pieces: In their order; one that fails keeps none of the others back.
        seconds: For all.

    Returns:
        Status of the command.
    """
    end = time.monotonic() + seconds
    states = []
    for piece in pieces:
        record = folder / 'pieces' / f'{piece.name}.json'
        told = json.loads(record.read_text()) if record.is_file() else {}
        same = told.get('command') == list(piece.command)
        if not same or told['state'] != DONE or not piece.result.exists():
            if time.monotonic() >= end:
                states.append(CUT)
                continue
            print(f'{piece.name}: {" ".join(piece.command)}', flush=True)
            before = told.get('seconds_before', 0) + told.get('seconds', 0) if same else 0
            told = do_piece(piece, end, record.with_suffix('.log')) | dict(seconds_before=before)
            write_atomic(record, json.dumps(told, indent=1).encode())
            print(f'{piece.name}: {told["state"]} after {told["seconds"]:.0f} s', flush=True)
        states.append(told['state'])
    return LEFT if CUT in states else 1 if FAILED in states else 0


def do_piece(piece: Piece, end: float, log: Path) -> dict[str, Any]:
    """Run a command until it ends, or is stopped at ``end``; its output goes to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    began, cut = time.monotonic(), False
    with (
        log.open('a') as output,
        subprocess.Popen(
            piece.command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            process.wait(max(end - began, 0))
        except subprocess.TimeoutExpired:
            cut = True
        finally:  # also where we are interrupted
            if process.poll() is None:
                process.terminate()  # trainings save a checkpoint
                try:
                    process.wait(MARGIN)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
    failed = process.returncode != 0 or not piece.result.exists()
    state = CUT if cut else FAILED if failed else DONE
    told = dict(state=state, status=process.returncode, seconds=time.monotonic() - began)
    return told | dict(command=list(piece.command), commit=machine.commit())


def result_of(path: Path) -> Any:
    """What a piece left; None where it left nothing yet."""
    if not path.is_file():
        return None
    if path.suffix == '.json':
        return json.loads(path.read_text())
    if path.suffix == '.parquet':
        return read_parquet(path)
    suite = ElementTree.parse(path).getroot().find('testsuite')
    assert suite is not None
    names = ('tests', 'failures', 'errors', 'skipped')
    return {name: int(suite.get(name, 0)) for name in names}


def collect(folder: Path, pieces: list[Piece], tiny: bool) -> None:
    """Write ``gpu.json`` and ``figures``: all that is there yet."""
    told = []
    for piece in pieces:
        record = folder / 'pieces' / f'{piece.name}.json'
        own = json.loads(record.read_text()) if record.is_file() else dict(state='open')
        told.append(dict(name=piece.name, **own, result=result_of(piece.result)))
    figures = folder / 'figures'
    figures.mkdir(parents=True, exist_ok=True)
    for image in sorted(pieces[-1].result.parent.glob('*.png')):
        shutil.copyfile(image, figures / image.name)
    content = dict(tiny=tiny, device=device(), versions=machine.versions(), pieces=told)
    write_atomic(folder / 'gpu.json', json.dumps(content, indent=1).encode())


def device() -> str:
    """Name of the GPU, else of the processor."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else machine.device()


def main() -> None:
    """Do pieces, collect, and say what is left."""
    parser = argparse.ArgumentParser(description='Tests, benchmarks and the large study.')
    parser.add_argument('folder', type=Path)
    parser.add_argument('--minutes', type=float, default=9, help='of this call (default: 9)')
    parser.add_argument('--tiny', action='store_true', help='prove the pieces on a CPU')
    args = parser.parse_args()
    import torch

    if not args.tiny and not torch.cuda.is_available():
        parser.error('PyTorch sees no GPU; --tiny proves the pieces on a CPU')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not to leave a piece behind
    folder = args.folder / 'tiny' if args.tiny else args.folder
    pieces = pieces_of(folder, args.tiny)
    try:
        status = do_pieces(folder, pieces, args.minutes * 60 - MARGIN)
    finally:
        collect(folder, pieces, args.tiny)
    more = {0: 'all is done', LEFT: 'more is left: call again'}.get(status, 'a piece failed')
    print(f'{folder / "gpu.json"}: {more}')
    sys.exit(status)


if __name__ == '__main__':
    main()
