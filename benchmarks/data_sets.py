"""Images per second of each kind of data set in training, against decoding the same files alone.

    python -m benchmarks.data_sets [--items 60] [--frames 20] [--rounds 9] [--size 224] [--out FILE]

The data sets and their pipelines are those of the configs, on one thread: images of 350x350 as
``usfm prepare`` writes them, from the clips of ``--source`` where they are found, else speckle.
What is compared reads the same number of files, and takes turns, round by round; the share is the
median over rounds of the ratio within a round, on the clock and of the processor's time.
"""

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import torch
from mmengine.registry import DATASETS, DefaultScope
from rich.console import Console
from rich.table import Table

from usfm_mm.compat import import_host
from usfm_mm.config.image_size import set_image_size
from usfm_mm.config.loading import set_data_root
from usfm_mm.config.options import load_plain
from usfm_mm.inference.frames import frames_of
from usfm_mm.inference.prepare import with_channels
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.io.index import write_index

# Name, config, split, folders of the files of an item, and frames of a clip.
KINDS = {
    'pre-training': ('usfm/pretrain_3mus', 'train', ('images',), 0),
    'segmentation': ('usfm/seg_custom_upernet', 'train', ('images', 'masks'), 0),
    'classes': ('usfm/cls_custom_linear', 'train', ('images',), 0),
    'pairs': ('usfm/enhance_custom_cyclegan', 'train', ('low_quality', 'high_quality'), 0),
    'table, images': ('usfm/table_label_linear', 'train', ('images',), 0),
    'table, clips in training': ('usfm/table_label_linear', 'train', ('clips',), 4),
    'table, clips in a test': ('usfm/table_label_linear', 'test', ('clips',), 16),
}
SIDE = 350


def pictures(source: Path) -> Iterator[np.ndarray]:
    """Grey frames of SIDE x SIDE, without an end."""
    clips = sorted((source / 'COVID-BLUES' / 'lus_videos').glob('*.mp4'))
    for clip in clips:
        for frame in frames_of(clip):
            yield cv2.resize(with_channels(frame.pixels, 1), (SIDE, SIDE))
    rng = np.random.default_rng(0)
    while True:
        yield cv2.GaussianBlur(rng.integers(0, 256, (SIDE, SIDE), np.uint8), (0, 0), 1.5)


def write_data(root: Path, source: Path, items: int, frames: int) -> None:
    """Write images, masks, pairs and clips, and what lists them."""
    stream = pictures(source)
    for folder in ('images', 'masks', 'low_quality', 'high_quality', 'clips', 'splits'):
        (root / folder).mkdir()
    for i, picture in enumerate(islice(stream, items)):
        for folder in ('images', 'low_quality', 'high_quality'):
            (root / folder / f'{i}.png').write_bytes(encode_png(picture))
        (root / 'masks' / f'{i}.png').write_bytes(encode_png((picture > 90).astype(np.uint8)))
    clips = max(1, items // 2)
    for i in range(clips):
        (root / 'clips' / str(i)).mkdir()
        for number, picture in enumerate(islice(stream, frames)):
            (root / 'clips' / str(i) / f'{number:05d}.png').write_bytes(encode_png(picture))
    names = [f'{i}.png' for i in range(items)]
    for split in ('train', 'test'):
        lists = {
            'seg': [str(i) for i in range(items)],
            'cls': [f'{name} {i % 2}' for i, name in enumerate(names)],
            'enhance': [f'{name} liver' for name in names],
        }
        for task, lines in lists.items():
            (root / 'splits' / f'{task}_{split}.txt').write_text('\n'.join(lines) + '\n')
        for kind, rows in {
            'images': [(name, 0) for name in names],
            'clips': [(str(i), frames) for i in range(clips)],
        }.items():
            with (root / 'splits' / f'{kind}_{split}.csv').open('w', newline='') as file:
                writer = csv.writer(file)
                writer.writerow(('file', 'frames', 'patient', 'label'))
                labels = ('negative', 'positive')
                writer.writerows((*row, '', labels[n % 2]) for n, row in enumerate(rows))
    paths = [f'images/{name}' for name in names]
    index = {'path': paths, 'organ': ['liver'] * items, 'split': ['train'] * items}
    write_index(pa.table(index), root / 'index.parquet')


def reader(root: Path, kind: str, size: int) -> tuple[Callable[[int], object], Callable, int]:
    """What makes an item, what decodes its files alone, and the number of files of all items."""
    name, split, folders, frames = KINDS[kind]
    cfg = load_plain(name)
    import_host(cfg)
    set_data_root(cfg, str(root))
    set_image_size(cfg, size)
    settings = cfg[f'{split}_dataloader'].dataset
    if settings.type == 'usfm_mm.TableDataset':
        settings.update(ann_file=f'splits/{folders[0]}_{split}.csv', data_prefix=folders[0])
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmengine')):
        dataset = DATASETS.build(settings)
    if frames:
        clips = sorted((root / folders[0]).iterdir())
        files = [sorted(clip.iterdir())[:frames] for clip in clips]
    else:
        count = len(list((root / folders[0]).iterdir()))
        files = [[root / folder / f'{i}.png' for folder in folders] for i in range(count)]
    return dataset.__getitem__, lambda i: [read_grey(path) for path in files[i]], len(files)


def measure(root: Path, size: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Files per second and shares of each kind in each round; the first round warms up."""
    kinds = {kind: reader(root, kind, size) for kind in KINDS}
    found: dict[str, dict[str, list[float]]] = {kind: {} for kind in kinds}
    for round_ in range(rounds + 1):
        for kind, (make, decode, items) in kinds.items():
            files = items * (len(KINDS[kind][2]) if not KINDS[kind][3] else KINDS[kind][3])
            seconds = {}
            for what, function in (('data set', make), ('decoding', decode)):
                start = time.perf_counter(), time.process_time()
                for i in range(items):
                    function(i)
                seconds[what] = time.perf_counter() - start[0], time.process_time() - start[1]
            if not round_:
                continue
            for n, clock in enumerate(('', ', CPU')):
                own, alone = seconds['data set'][n], seconds['decoding'][n]
                values = dict(data_set=files / own, decoding=files / alone, share=alone / own)
                for key, value in values.items():
                    found[kind].setdefault(f'{key}{clock}', []).append(value)
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--items', type=int, default=60, help='images; half as many clips')
    parser.add_argument('--frames', type=int, default=20, help='of a clip')
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--size', type=int, default=224, help='that the model takes')
    parser.add_argument(
        '--source', type=Path, default=Path('../shared/data'), help='of clips (%(default)s)'
    )
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), args.source, args.items, args.frames)
        found = measure(Path(folder), args.size, args.rounds)
    load = f'load {before:.1f} to {os.getloadavg()[0]:.1f}'
    table = Table('data set', title=f'Files a second on one core, {args.size} px, {load}')
    columns = list(chain.from_iterable(values for values in found.values()))
    columns = list(dict.fromkeys(columns))
    for column in columns:
        table.add_column(column.replace('_', ' '), justify='right')
    medians = {
        kind: {key: statistics.median(values) for key, values in rounds.items()}
        for kind, rounds in found.items()
    }
    for kind, values in medians.items():
        cells = (f'{values[c]:.2f}' if 'share' in c else f'{values[c]:.0f}' for c in columns)
        table.add_row(kind, *cells)
    Console().print(table)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        content = dict(medians=medians, rounds=found, load=load, size=args.size)
        args.out.write_text(json.dumps(content, indent=2) + '\n')


if __name__ == '__main__':
    main()
