"""Stands for ``usfm train``, ``test`` and ``knn`` in tests of experiments: no PyTorch, quick.

A training counts to five in its folder, goes on where it was killed, and its result is made of what
was asked for, so that a wrong order or a lost option changes the table. SIGTERM saves, as of a real
one. It stands still after two steps while the file that ``STUB_HOLD`` names is there, and fails in
folders of ``STUB_FAIL``.
"""

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path


def main(argv):
    command, *rest = argv
    folder = Path(rest[rest.index('--work-dir') + 1])
    if os.environ.get('STUB_FAIL') in folder.parts:
        sys.exit(f'error: {folder.name} was told to fail')
    if command == 'train':
        assert '--resume' in rest
        train(folder, rest)
    elif command == 'knn':
        summary = folder / 'knn' / 'summary.json'
        summary.parent.mkdir(exist_ok=True)
        summary.write_text(json.dumps(dict(metrics=dict(F1=50.0))))
    else:
        summary = folder / 'test' / 'summary.json'
        summary.parent.mkdir(parents=True, exist_ok=True)
        number = score(Path(rest[1]).read_text())
        number /= 2 if '--corrupt' in rest else 1
        summary.write_text(json.dumps(dict(metrics=dict(DSC=number))))


def score(weights):
    """A number from 0 to 100 that is made of all that a training was asked for."""
    return 100 * int(hashlib.sha256(weights.encode()).hexdigest()[:6], 16) / 2**24


def train(folder, rest):
    place = folder / 'steps.txt'
    steps = place.read_text().split() if place.exists() else []
    hold = Path(os.environ.get('STUB_HOLD', folder / 'nothing'))

    def save(*_):
        (folder / 'last_checkpoint').write_text(f'iter_{len(steps)}.pth')
        sys.exit(143)

    signal.signal(signal.SIGTERM, save)
    for step in range(len(steps), 5):
        time.sleep(0.01)
        while step == 2 and hold.exists():
            time.sleep(0.01)
        steps.append(str(step))
        temporary = folder / 'steps.tmp'
        temporary.write_text(' '.join(steps))
        temporary.replace(place)
    asked = [word for word in rest if word not in ('--resume', '--work-dir', str(folder))]
    if '--weights' in asked:  # what it starts from, not where this lies
        place = asked.index('--weights') + 1
        asked[place] = Path(asked[place]).read_text()
    text = ' '.join([*steps, *asked])
    (folder / 'log' / 'vis_data').mkdir(parents=True, exist_ok=True)
    log = [dict(step=5, loss=1.0), dict(step=5, DSC=score(text)), dict(step=5, DSC=0.0)]
    (folder / 'log' / 'vis_data' / 'scalars.json').write_text('\n'.join(map(json.dumps, log)))
    (folder / 'best_DSC.pth').write_text(text)
    (folder / 'iter_5.pth').write_text(text)
    (folder / 'last_checkpoint').write_text('iter_5.pth')


if __name__ == '__main__':
    main(sys.argv[1:])
