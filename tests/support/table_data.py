"""A prepared set of stills and clips with a class, two findings and a number each."""

import csv
import json

import numpy as np

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
