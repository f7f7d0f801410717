"""Which numbers of an encoder make good features: spectrum, silhouette, k-NN and linear probe.

    python -m benchmarks.feature_quality DATA --encoder NAME=FILE ... [--images DIR] [--out FILE]

``DATA`` holds data sets of ``usfm prepare``, one folder each. Poolings and treatments are compared
on their training and validation images, in folds of whole patients; what is the default now and
what was before are then asked about the test images, which the choice has not seen. The first
encoder is the one that the choice is made by. ``random`` has the first one's size and new weights.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from rich.console import Console
from rich.table import Table

from benchmarks import feature_measures as measure
from benchmarks.feature_figures import draw_blocks, draw_maps
from benchmarks.feature_vectors import STATISTICS, Images, pooled, read_images, statistics
from usfm_mm.apis import load_backbone
from usfm_mm.compat import quiet_imports

BEFORE, NOW = ('mean', 'as it is'), ('mean + std', 'standardised')
ASKED = (
    BEFORE,
    ('mean', 'standardised'),
    ('mean + std', 'as it is'),
    NOW,
    ('mean + std', 'PCA whitening, 32'),
    ('mean + std', 'PCA whitening, 64'),
    ('mean + std, last 4 blocks', 'standardised'),
)
SETS = {'organ': None, 'usanotai': 'usanotai', 'busi': 'busi'}


def main() -> None:
    """Measure, print tables, write them and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('data', type=Path)
    parser.add_argument('--encoder', action='append', required=True, metavar='NAME=FILE')
    parser.add_argument('--images', type=Path, help='folder for the figures')
    parser.add_argument('--out', type=Path, help='JSON of all numbers')
    args = parser.parse_args()
    quiet_imports()
    MMLogger.get_current_instance().setLevel('ERROR')
    images = read_images(args.data)
    files = dict(item.split('=', 1) for item in args.encoder)
    first = next(iter(files))
    encoder = load_backbone(files[first])
    seen = np.array(
        [statistics(pixels, encoder.prepare(pixels).mean(axis=0).round().astype(np.uint8))
         for pixels in images.pixels]
    )  # fmt: skip
    vectors = {name: pooled(file, images.pixels) for name, file in files.items()}
    vectors['random'] = pooled(files[first], images.pixels, random=True)
    alone = pooled(files[first], images.pixels, normalise=True)
    for found in (*vectors.values(), alone):
        join_poolings(found)
    results: dict[str, Any] = dict(images=len(images.pixels), test=int(images.test.sum()))
    results['spectrum'] = {name: spectra(found, seen) for name, found in vectors.items()}
    chosen_on = ~images.test
    results['choice'] = choice(vectors[first], alone, images, chosen_on)
    last = vectors[first]['mean + std'][:, -1].astype(float)
    results['few'] = few(last[chosen_on], images.organs[chosen_on])
    thumbnails = np.stack([encoder.prepare(pixels).mean(axis=0) for pixels in images.pixels])
    side = thumbnails.shape[-1] // 14
    thumbnails = thumbnails.reshape(len(thumbnails), 14, side, 14, side).mean(axis=(2, 4))
    plain = {'14 x 14 pixels': thumbnails.reshape(len(thumbnails), -1), 'five statistics': seen}
    results['confirmed'] = confirmed(vectors, plain, images)
    show(results)
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + '\n', encoding='utf-8')
    if args.images:
        draw_blocks(results['spectrum'], args.images / 'feature_blocks.png')
        two = [
            (f'{pool}, {how}', measure.treatments(found)[how](found))
            for pool, how in (BEFORE, NOW)
            for found in [vectors[first][pool][:, -1]]
        ]
        draw_maps(two, images.organs, seen[:, 0], args.images / 'feature_maps.png')


def join_poolings(found: dict[str, np.ndarray]) -> None:
    """Add the joined poolings; the mean over the last four blocks stands at the final norm."""
    found['mean + std'] = np.concatenate([found['mean'], found['std']], axis=-1)
    for pool in ('mean', 'mean + std'):
        last = found[pool][:, -5:-1]
        found[f'{pool}, last 4 blocks'] = last.reshape(len(last), 1, -1)


def spectra(found: dict[str, np.ndarray], seen: np.ndarray) -> list[dict[str, Any]]:
    """Of the mean of the patch tokens after each block, and after the final norm."""
    rows = []
    for layer in range(found['mean'].shape[1]):
        share, rank, place = measure.spectrum(found['mean'][:, layer].astype(float))
        related = {
            name: abs(float(np.corrcoef(place, seen[:, n])[0, 1]))
            for n, name in enumerate(STATISTICS)
        }
        rows.append(dict(share=share, rank=rank, correlation=related))
    return rows


def tasks(images: Images, among: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows and labels of each question: the organ in all sets, and the labels of two."""
    answers = {}
    for name, folder in SETS.items():
        rows = among if folder is None else among & (images.data_sets == folder)
        answers[name] = (np.flatnonzero(rows), images.labels if folder else images.organs)
    return answers


def choice(
    found: dict[str, np.ndarray], alone: dict[str, np.ndarray], images: Images, among: np.ndarray
) -> list[dict[str, Any]]:
    """k-NN and silhouette of poolings and treatments, in folds of the images ``among``."""
    pools = ['mean', 'class token', 'std', 'max', 'inside', 'mean + std']
    pools += ['mean, last 4 blocks', 'mean + std, last 4 blocks']
    plans = [(pool, -1, how, found) for pool in pools for how in _HOWS]
    depth = found['mean'].shape[1] - 1
    plans += [('mean + std', n, 'standardised', found) for n in range(depth)]
    both = [('mean', 'as it is'), ('mean + std', 'as it is'), NOW]
    plans += [(pool, -1, how, alone) for pool, how in both]
    rows = []
    for pool, layer, how, of in plans:
        features = of[pool][:, layer].astype(float)
        row: dict[str, Any] = dict(pool=pool, layer=layer, how=how, alone=of is alone)
        for name, (chosen, labels) in tasks(images, among).items():
            data = features[chosen], labels[chosen], images.groups[chosen]
            right = measure.in_folds(measure.knn_labels, *data, how)
            interval = measure.Intervals(*data[1:])
            row[name] = interval.of(100 * right)
            if name == 'organ':
                values = measure.silhouettes(data[0], data[1], how)
                row['silhouette'] = float(values.mean())
        rows.append(row)
    return rows


_HOWS = list(measure.treatments(np.random.default_rng(0).normal(size=(99, 99))))


def confirmed(
    vectors: dict[str, dict[str, np.ndarray]], plain: dict[str, np.ndarray], images: Images
) -> list[dict[str, Any]]:
    """Test images by all others: the features before and now of each encoder, and what is plain."""
    plans = [
        (name, pool, how, found[pool][:, -1].astype(float))
        for name, found in vectors.items()
        for pool, how in ASKED
    ]
    plans += [(name, '', 'standardised', values) for name, values in plain.items()]
    rows, former = [], {}
    for name, pool, how, features in plans:
        row: dict[str, Any] = dict(encoder=name, pool=pool, how=how)
        for task, (asked, labels) in tasks(images, images.test).items():
            others = tasks(images, ~images.test)[task][0]
            treat = measure.treatments(features[others])[how]
            train, test = treat(features[others]), treat(features[asked])
            interval = measure.Intervals(labels[asked], images.groups[asked])
            for way, answer in (('knn', measure.knn_labels), ('probe', measure.probe_labels)):
                right = 100.0 * (answer(train, labels[others], test) == labels[asked])
                row[f'{task} {way}'] = interval.of(right)
                if (pool, how) == BEFORE:
                    former[name, task, way] = right
                elif pool:
                    row[f'{task} {way} gain'] = interval.of(right, former[name, task, way])
            if task == 'organ':
                values = measure.silhouettes(features[asked], labels[asked], how)
                row['silhouette'] = float(values.mean())
        rows.append(row)
    return rows


def few(features: np.ndarray, organs: np.ndarray) -> list[dict[str, float]]:
    """Share of images whose nearest of N others has their organ, N drawn anew 300 times."""
    rng, rows = np.random.default_rng(0), []
    for count in (2, 3, 5, 10, 20, 40, 100, 300):
        right: dict[str, list[float]] = {'as it is': [], 'standardised': []}
        for _ in range(300):
            drawn = rng.choice(len(features), count + 20, replace=False)
            others, asked = drawn[:count], drawn[count:]
            for how, found in right.items():
                treat = measure.treatments(features[others])[how]
                train, test = treat(features[others]), treat(features[asked])
                answers = measure.knn_labels(train, organs[others], test, k=1)
                found.append(float((answers == organs[asked]).mean()))
        rows.append({'images': count, **{how: float(np.mean(x)) for how, x in right.items()}})
    return rows


def show(results: dict[str, Any]) -> None:
    """Print what was measured."""
    console = Console(width=150)
    for name, rows in results['spectrum'].items():
        table = Table('block', 'share of the first', 'effective rank', *STATISTICS, title=name)
        for n, row in enumerate(rows):
            last = 'norm' if n == len(rows) - 1 else str(n)
            related = (f'{value:.2f}' for value in row['correlation'].values())
            table.add_row(last, f'{row["share"]:.2f}', f'{row["rank"]:.1f}', *related)
        console.print(table)
    for title in ('choice', 'confirmed'):
        rows = results[title]
        names = [name for name, value in rows[-4].items() if not isinstance(value, tuple)]
        scores = [name for name in rows[-4] if name not in names]
        table = Table(*names, *scores, title=title)
        for row in rows:
            told = [_short(row[name]) for name in names]
            table.add_row(*told, *(_interval(row[name]) if name in row else '' for name in scores))
        console.print(table)


def _short(value: Any) -> str:
    return f'{value:.3f}' if isinstance(value, float) else str(value)


def _interval(value: tuple[float, float, float]) -> str:
    return f'{value[0]:.1f} ({value[1]:.1f} to {value[2]:.1f})'


if __name__ == '__main__':
    main()
