"""Pairs of low and high quality, brought into the layout of the configs; synthetic ones."""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from usfm_mm.datasets import EnhancementDataset
from usfm_mm.experiments.outcomes import patients_of
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.io.index import read_index

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from usfm_mm.commands.degrade_images import main as degrade
from usfm_mm.commands.prepare_data import main

SIDES = ('low_quality', 'high_quality')
SPLITS = ('train', 'val', 'test')


def image(path, value, shape=(40, 50)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(np.full(shape, value, np.uint8)))


def lists(out):
    return {
        split: (out / 'splits' / f'enhance_{split}.txt').read_text().splitlines()
        for split in SPLITS
    }


@pytest.fixture
def usenhance(tmp_path):
    """Two organs of 20 and 10 pairs, numbered through, as the challenge's training set."""
    root = tmp_path / 'source' / 'train_datasets'
    for organ, numbers in (('Thyroid', range(1, 21)), ('carotid', range(21, 31))):
        for n in numbers:
            for offset, side in enumerate(SIDES):
                image(root / organ / side / f'{n:04}.png', n + 100 * offset)
    return root


def test_usenhance_takes_the_organ_from_the_folder(usenhance, tmp_path):
    out = tmp_path / 'out'
    main(['usenhance', str(usenhance.parent), str(out)])
    for offset, side in enumerate(SIDES):
        assert len(list((out / side).iterdir())) == 30
        assert (read_grey(out / side / 'carotid_0021.png') == 21 + 100 * offset).all()
    counts = {split: len(lines) for split, lines in lists(out).items()}
    assert sum(counts.values()) == 30
    assert json.loads((out / 'dataset.json').read_text())['images'] == counts
    # The organs' shares are the same in each split, within an image.
    for split, share in (('train', 0.7), ('val', 0.15), ('test', 0.15)):
        organs = [line.partition(' ')[2] for line in lists(out)[split]]
        assert set(organs) <= {'thyroid', 'carotid'}
        assert abs(organs.count('thyroid') - 20 * share) <= 1
        assert abs(organs.count('carotid') - 10 * share) <= 1
        dataset = EnhancementDataset(out, f'splits/enhance_{split}.txt')
        assert len(dataset) == counts[split]
        assert dataset.metainfo['organs'] == ['carotid', 'thyroid']
    # Both qualities are images to pre-train on.
    table = read_index(out, None, ('path', 'organ', 'split'))
    assert len(table) == 60
    assert not (out / 'images').exists()
    smaller = set((out / 'splits' / 'enhance_train_20.txt').read_text().splitlines())
    assert smaller < set(lists(out)['train'])


def test_own_pairs_with_one_organ_or_folders_of_organs(usenhance, tmp_path):
    main(['folder', str(usenhance), str(tmp_path / 'organs')])
    assert {line.partition(' ')[2] for line in lists(tmp_path / 'organs')['train']} == {
        'carotid',
        'thyroid',
    }
    pairs = usenhance / 'Thyroid'
    out = tmp_path / 'out'
    main(['folder', str(pairs), str(out), '--organ', 'neck', '--patients', r'^(\d\d\d)'])
    lines = lists(out)
    assert all(line.endswith('.png neck') for split in SPLITS for line in lines[split])
    splits_of = {}
    for split in SPLITS:
        for line in lines[split]:
            splits_of.setdefault(line[:3], set()).add(split)
    assert all(len(splits) == 1 for splits in splits_of.values())


def test_own_pairs_in_train_and_test(usenhance, tmp_path):
    source = tmp_path / 'own'
    for part, folder in (('train', usenhance), ('test', usenhance / 'carotid')):
        shutil.copytree(folder, source / part)
    out = tmp_path / 'out'
    for path in (source / 'test').glob('*/*.png'):  # else the same images were in two splits
        image(path, 200 + int(path.stem) % 30)
    main(['folder', str(source), str(out), '--organ', 'neck'])
    lines = lists(out)
    assert len(lines['train'] + lines['val']) == 30
    assert sorted(lines['test']) == [f'test_{n:04}.png neck' for n in range(21, 31)]
    assert 'train_thyroid_0001.png thyroid' in lines['train'] + lines['val']


def test_pairs_that_share_an_image_stay_in_one_split(tmp_path):
    """As PICMUS, where several acquisitions have one high quality."""
    for n in range(40):
        image(tmp_path / 'own' / 'low_quality' / f'{n}.png', n)
        image(tmp_path / 'own' / 'high_quality' / f'{n}.png', 100 + n // 2)
    main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
    for lines in lists(tmp_path / 'out').values():
        numbers = {int(line.split('.')[0]) for line in lines}
        assert numbers == {n ^ 1 for n in numbers}


def cut(path):
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (
            lambda r: (r / 'low_quality' / '0002.png').unlink(),
            r'high_quality/0002.png has no count',
        ),
        (
            lambda r: (r / 'high_quality' / '0002.png').unlink(),
            r'low_quality/0002.png has no count',
        ),
        (
            lambda r: cut(r / 'high_quality' / '0002.png'),
            r'high_quality/0002.png: PNG is truncated',
        ),
        (lambda r: cut(r / 'low_quality' / '0002.png'), r'low_quality/0002.png: PNG is truncated'),
        (
            lambda r: image(r / 'low_quality' / '0002.png', 1, (40, 51)),
            r'low_quality/0002.png has 51×40 pixels, .*high_quality/0002.png 50×40',
        ),
        (lambda r: image(r / 'low_quality' / '0002.PNG', 1), 'have one name: remove one'),
        (
            lambda r: [p.unlink() for side in SIDES for p in (r / side).iterdir()],
            'has no images',
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(usenhance, tmp_path, damage, message):
    damage(usenhance / 'Thyroid')
    with pytest.raises((ValueError, OSError), match=message):
        main(['folder', str(usenhance / 'Thyroid'), str(tmp_path / 'out')])
    assert not (tmp_path / 'out').exists()


def test_wrong_layouts(usenhance, tmp_path):
    with pytest.raises(
        (ValueError, OSError), match='expected folders of organs, each with low_quality'
    ):
        main(['usenhance', str(usenhance / 'Thyroid' / 'low_quality'), str(tmp_path / 'out')])
    with pytest.raises((ValueError, OSError), match=r"0001.png: scene '0001' is unknown"):
        main(['picmus', str(usenhance / 'Thyroid'), str(tmp_path / 'out')])


def test_picmus_is_split_by_scene(shared_data, tmp_path):
    out = tmp_path / 'out'
    main(['picmus', str(shared_data / 'PICMUS'), str(out)])
    names = {split: {line[:6] for line in lines} for split, lines in lists(out).items()}
    assert names == dict(train={'scene2', 'scene3'}, val={'scene1'}, test={'scene4'})
    assert {split: len(lines) for split, lines in lists(out).items()} == dict(
        train=6, val=3, test=3
    )
    for side in SIDES:
        for path in (shared_data / 'PICMUS' / side).iterdir():
            np.testing.assert_array_equal(read_grey(out / side / path.name), read_grey(path))


@pytest.fixture
def prepared(tmp_path):
    """Two prepared sets of speckle, one of classes and one with patients."""
    rng = np.random.default_rng(0)
    for name in ('one', 'two'):
        for n in range(12):
            path = tmp_path / f'{name}_source' / 'ab'[n % 2] / f'p{n // 4}_{n}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(rng.integers(0, 256, (30, 40), np.uint8)))
        source = str(tmp_path / f'{name}_source')
        options = ['--organ', f'organ {name}', '--patients', 'none']
        main(['folder', source, str(tmp_path / name), *options])
    return [str(tmp_path / name) for name in ('one', 'two')]


def test_synthetic_pairs_keep_split_and_organ(prepared, tmp_path):
    out = tmp_path / 'pairs'
    degrade([*prepared, str(out), '--seed', '3'])
    assert json.loads((out / 'dataset.json').read_text())['name'] == (
        'synthetic degradation of one and two'
    )
    seen = 0
    for source in map(Path, prepared):
        with (source / 'index.csv').open(newline='') as file:
            for row in csv.DictReader(file):
                name = f'{source.name}_{Path(row["path"]).name}'
                assert f'{name} {row["organ"]}' in lists(out)[row['split']]
                high = read_grey(source / row['path'])
                np.testing.assert_array_equal(read_grey(out / 'high_quality' / name), high)
                assert (read_grey(out / 'low_quality' / name) != high).mean() > 0.5
                assert patients_of(out, [name]) == [f'{source.name} {row["patient"]}']
                seen += 1
    assert seen == sum(map(len, lists(out).values())) == 24
    assert not (out / 'index.csv').exists()  # none to pre-train on
    # The noise is the image's own: alone or with other sets, first or last.
    degrade([prepared[1], str(tmp_path / 'alone'), '--seed', '3'])
    degrade([prepared[1], str(tmp_path / 'other'), '--seed', '4'])
    for path in (tmp_path / 'alone' / 'low_quality').iterdir():
        assert path.read_bytes() == (out / 'low_quality' / path.name).read_bytes()
        assert path.read_bytes() != (tmp_path / 'other' / 'low_quality' / path.name).read_bytes()


def test_degrading_what_is_not_prepared(prepared, tmp_path):
    with pytest.raises(
        (ValueError, OSError), match='has no index.csv: make it with "usfm prepare"'
    ):
        degrade([str(tmp_path / 'one_source'), str(tmp_path / 'out')])
    with pytest.raises((ValueError, OSError), match='the sources need different names'):
        degrade([prepared[0], prepared[0], str(tmp_path / 'out')])
    degrade([prepared[0], str(tmp_path / 'pairs')])
    with pytest.raises(
        (ValueError, OSError), match='has no index.csv'
    ):  # pairs are not degraded again
        degrade([str(tmp_path / 'pairs'), str(tmp_path / 'out')])
