"""Stills and clips with a class, two findings and a number each: as scans, and prepared."""

import csv
import json

import av
import numpy as np

from support.downstream import load, narrow
from usfm_mm.compat import set_up_cpu
from usfm_mm.config.classes import fit_classes
from usfm_mm.config.image_size import set_image_size
from usfm_mm.config.options import set_data_root
from usfm_mm.config.schedule import set_epochs
from usfm_mm.io.image import encode_png

CLASSES = ('mild', 'severe')
LABELS = ('A-lines', 'B-lines')
COUNTS = {'train': 8, 'val': 4, 'test': 4}
SHAPE = (60, 80)


def write_table_data(root):
    """Every second item is a clip of 6 frames; two items of a split are of one patient.

    The number is the mean grey level, the class whether it is high, B-lines a bright bar.
    """
    rng = np.random.default_rng(0)
    (root / 'splits').mkdir(parents=True)
    for split, count in COUNTS.items():
        rows = []
        for i in range(count):
            name, severe, lines = f'{split}_{i}', i % 4 > 1, i % 2
            frames = 6 if i % 2 else 0
            level = 120 if severe else 40
            for number in range(max(frames, 1)):
                image = rng.integers(level - 20, level + 20, SHAPE, np.uint8)
                image[:, 10:30] += np.uint8(80 * lines)
                path = root / 'images' / (f'{name}/{number:05d}.png' if frames else f'{name}.png')
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_png(image))
            rows.append(
                {
                    'file': name if frames else f'{name}.png',
                    'frames': frames,
                    'patient': f'{split}_{i // 2}',
                    'label': CLASSES[severe],
                    'A-lines': int(severe),
                    'B-lines': lines,
                    'EF': 30.0 + level / 4 + lines,
                }
            )
        with (root / 'splits' / f'table_{split}.csv').open('w', newline='') as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    about = dict(
        cls_classes=list(CLASSES),
        label_names=list(LABELS),
        value_names={'EF': dict(mean=50.5, std=10.0)},
        mean=[80.0],
        std=[45.0],
    )
    (root / 'dataset.json').write_text(json.dumps(about))


def write_scans(root, patients=8):
    """Two scans of each patient, a still and a lossless clip of 9 frames, and ``scans.csv``."""
    rng = np.random.default_rng(1)
    folder = root / 'scans'
    folder.mkdir(parents=True)
    rows = []
    for patient in range(patients):
        severe = patient % 2
        for view in ('still', 'clip'):
            level = 120 if severe else 40
            frames = rng.integers(level - 20, level + 20, (9, *SHAPE), np.uint8)
            frames[:, :, 10:30] += np.uint8(80 * (view == 'clip'))
            name = f'p{patient}_{view}'
            if view == 'still':
                (folder / f'{name}.png').write_bytes(encode_png(frames[0]))
            else:
                write_clip(folder / f'{name}.avi', frames)
            rows.append(
                {
                    'File': name,
                    'Patient ID': f'p{patient}',
                    'Diagnosis': CLASSES[severe],
                    'A-lines': 'yes' if severe else 'no ',
                    'B-lines': int(view == 'clip'),
                    'EF': 30.5 + 10 * severe + patient,
                }
            )
    with (root / 'scans.csv').open('w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder, root / 'scans.csv'


def write_clip(path, frames):
    """Write uint8 [N, H, W] without loss."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('ffv1', rate=10)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = 'gray'
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='gray')))
        container.mux(stream.encode(None))


def config(target, data, folder, pooling='MeanFrames'):
    """A small config of a table, for one epoch on images of 32 x 32 pixels."""
    cfg = load(f'configs/usfm/table_{target}_linear.py')
    set_data_root(cfg, str(data))
    fit_classes(cfg)
    set_image_size(cfg, 32)
    narrow(cfg)
    if pooling != 'MeanFrames':
        cfg.model.pooling = dict(type=f'usfm_mm.{pooling}', in_channels=cfg.model.head.in_channels)
    set_up_cpu(cfg)
    cfg.work_dir = str(folder)
    cfg.experiment_name = f'{target}-{folder.name}'
    cfg.visualizer.name = str(folder)  # else that of an earlier run in this process goes on
    set_epochs(cfg, 1)
    cfg.optim_wrapper.optimizer.lr = 1e-2
    cfg.param_scheduler[0].start_factor = 1.0
    cfg.runner_type = 'usfm_mm.QuietRunner'
    cfg.log_level = 'WARNING'
    return cfg
