"""The data set, with whole and with broken images."""

import logging
import os
import pickle
import random

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader

from support.image_files import write_images
from usfm_mm.curation.pack import pack
from usfm_mm.datasets.sampler import OrganBalancedSampler
from usfm_mm.datasets.seeding import SeededIndex
from usfm_mm.datasets.ultrasound import UltrasoundDataset
from usfm_mm.io.image import read_grey
from usfm_mm.io.index import write_index
from usfm_mm.registry import DATASETS

PIPELINE = [
    {'type': f'usfm_mm.{name}', **options}
    for name, options in (
        ('RandomAffineCrop', {'size': 32}),
        ('RandomBrightnessContrast', {}),
        ('RandomGaussianBlur', {}),
        ('DrawDualMask', {'mask_size': 8}),
        ('PackUltrasound', {}),
    )
]


def noise(results):
    """A stock-like transform that uses every global generator."""
    return [random.random(), np.random.rand(), torch.rand(()).item(), results['sample_idx']]


def same(a, b):
    return a.keys() == b.keys() and all(
        torch.equal(torch.as_tensor(a[k]), torch.as_tensor(b[k])) for k in a
    )


@pytest.fixture
def root(tmp_path):
    write_images(tmp_path, {'breast': 40, 'liver': 25})
    return tmp_path


def test_items_are_the_files_pixels(root):
    dataset = UltrasoundDataset(root)
    assert len(dataset) == 65
    assert dataset.metainfo == {'organs': ['breast', 'liver']}
    item = dataset[41]
    assert item['img_path'] == 'liver/001.png'
    assert item['organ'] == 'liver'
    assert item['organ_id'] == 1
    assert item['sample_idx'] == 41
    assert item['img_shape'] == (40, 48)
    np.testing.assert_array_equal(item['img'][..., 0], read_grey(root / 'liver/001.png'))
    three = UltrasoundDataset(root, channels=3)[41]['img']
    np.testing.assert_array_equal(three, item['img'].repeat(3, axis=2))
    assert dataset.organ_counts == {'breast': 40, 'liver': 25}
    assert dataset.organ_ids.tolist() == [0] * 40 + [1] * 25


def test_built_from_a_config_in_any_scope(root):
    dataset = DATASETS.build(
        {'type': 'usfm_mm.UltrasoundDataset', 'data_root': str(root), 'pipeline': PIPELINE}
    )
    item = dataset[SeededIndex(3, 1)]
    assert item['inputs'].shape == (1, 32, 32)
    assert item['patch_mask'].sum() == 7
    assert item['bands'].sum() == 2
    assert item['organ_id'] == 0


def test_organs_chosen_and_ordered(root):
    dataset = UltrasoundDataset(root, organs=['liver'])
    assert len(dataset) == 25
    assert dataset[0]['organ_id'] == 0
    dataset = UltrasoundDataset(root, organs=['liver', 'breast'])
    assert dataset[0]['organ'] == 'breast'
    assert dataset[0]['organ_id'] == 1
    with pytest.raises(ValueError, match="no organ 'heart'; it has breast, liver"):
        UltrasoundDataset(root, organs=['heart'])


def test_split_column(tmp_path):
    splits = ['train'] * 6 + ['val'] * 2 + ['train'] * 4
    write_images(tmp_path, {'breast': 8, 'liver': 4}, split=splits)
    train, val = (UltrasoundDataset(tmp_path, split=name) for name in ('train', 'val'))
    assert len(train) == 10
    assert [val[i]['img_path'][-7:-4] for i in range(2)] == ['006', '007']
    assert val.metainfo == train.metainfo  # the same numbers for organs, though one is absent
    with pytest.raises(ValueError, match="no split 'test'.*has train, val"):
        UltrasoundDataset(tmp_path, split='test')
    with pytest.raises(ValueError, match="no images of liver in split 'val'"):
        UltrasoundDataset(tmp_path, split='val', organs=['breast', 'liver'])


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ('', r'1 rows have none\. Write'),
        (None, r'1 rows have none\. Write'),
        ('Train', r"1 rows have 'Train' \(did you mean 'train'\?\)\. Write"),
        (' val', r"1 rows have ' val' \(did you mean 'val'\?\)\. Write"),
    ],
)
def test_misspelt_split_is_refused(tmp_path, wrong, message):
    write_images(tmp_path, {'breast': 4}, split=['train', 'train', 'val', wrong])
    with pytest.raises(ValueError, match=f'index.parquet: column "split": {message}'):
        UltrasoundDataset(tmp_path, split='train')
    assert len(UltrasoundDataset(tmp_path)) == 4  # the column plays no part


def test_unknown_split_is_warned_of(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr('usfm_mm.io.index_checks._LOG.warning', messages.append)
    splits = ['train', 'val', 'test', 'training', 'training', 'fold0']
    write_images(tmp_path, {'breast': 6}, split=splits)
    assert len(UltrasoundDataset(tmp_path, split='fold0')) == 1
    assert not messages
    assert len(UltrasoundDataset(tmp_path, split='train')) == 1
    assert messages == [
        f'{tmp_path / "index.parquet"}: column "split": 2 rows have \'training\' (did you mean '
        "'train'?); 1 rows have 'fold0'; they are not in split 'train'"
    ]


def test_organ_without_training_images(tmp_path):
    write_images(tmp_path, {'breast': 2, 'liver': 1}, split=['train', 'train', 'val'])
    with pytest.raises(ValueError, match="no images of liver in split 'train'"):
        UltrasoundDataset(tmp_path, split='train')


def test_split_made_without_a_column(root):
    train, val = (
        UltrasoundDataset(root, split=name, val_fraction=0.1) for name in ('train', 'val')
    )
    assert val.organ_counts == {'breast': 4, 'liver': 2}
    names = [
        {dataset.get_data_info(i)['img_path'] for i in range(len(dataset))}
        for dataset in (train, val)
    ]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 65
    with pytest.raises(ValueError, match='no column "split".*not \'test\''):
        UltrasoundDataset(root, split='test')
    few = root / 'few'
    write_images(few, {'heart': 12})
    with pytest.raises(ValueError, match="no images of heart in split 'val'.*--val-fraction"):
        UltrasoundDataset(few, split='val')


@pytest.mark.parametrize('packed', [False, True])
def test_draws_do_not_depend_on_workers(root, packed):
    if packed:
        pack(root, root)
    dataset = UltrasoundDataset(root, PIPELINE, packed=packed)
    batches = []
    for workers in (0, 1, 2):
        sampler = OrganBalancedSampler(dataset, num_samples=24, seed=3)
        batches.append(list(DataLoader(dataset, 8, sampler=sampler, num_workers=workers)))
    for other in batches[1:]:
        assert all(same(a, b) for a, b in zip(batches[0], other, strict=True))
    # in mid-epoch, too
    sampler.start_at(16)
    assert same(next(iter(DataLoader(dataset, 8, sampler=sampler, num_workers=2))), batches[0][2])
    inputs = torch.cat([batch['inputs'] for batch in batches[0]])
    assert len({image.numpy().tobytes() for image in inputs}) == 24


def test_every_generator_is_seeded_and_a_fixed_seed_fixes_items(root):
    dataset = UltrasoundDataset(root, [noise], seed=1)
    assert dataset[5] == dataset[5] == UltrasoundDataset(root, [noise], seed=1)[5]
    a, b = dataset[5], dataset[6]
    assert all(x != y for x, y in zip(a, b, strict=True))
    assert dataset[SeededIndex(5, 9)] != dataset[5]  # the draw's own seed comes first
    free = UltrasoundDataset(root, [noise])
    assert free[5] != free[5]


def test_packed_equals_png(root):
    plain = UltrasoundDataset(root)
    assert plain.packed is None
    with pytest.raises(FileNotFoundError, match='usfm pack'):
        UltrasoundDataset(root, packed=True)
    pack(root, root)
    packed = UltrasoundDataset(root)
    assert packed.packed is not None
    for path in root.glob('*/*.png'):
        path.unlink()
    for i in range(len(packed)):
        np.testing.assert_array_equal(
            packed[i]['img'][..., 0], packed.packed.read(packed[i]['img_path'])
        )
    assert packed.num_bad == 0


def test_packed_images_older_than_the_index_are_warned_of(root, tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'usfm_mm.datasets.ultrasound.print_log', lambda message, **_: messages.append(message)
    )
    pack(root, root)
    pack(root, tmp_path / 'elsewhere')  # the index is copied there after the images
    UltrasoundDataset(root)
    UltrasoundDataset(tmp_path / 'elsewhere')
    assert not messages
    index, store = root / 'index.parquet', root / 'images.lmdb'
    later = store.stat().st_mtime + 1
    os.utime(index, (later, later))
    UltrasoundDataset(root, packed=False)
    assert not messages
    UltrasoundDataset(root)
    assert messages == [
        f'{index} is newer than {store}, which the pixels are read from: if images have changed '
        f'since, pack them again with "usfm pack pack {root}", or read the files '
        'with packed=False'
    ]
    for path in root.glob('*/*.png'):
        path.unlink()
    UltrasoundDataset(root)
    assert len(messages) == 1  # no files that could have changed


def test_missing_in_the_store_names_the_remedy(root):
    pack(root, root)
    write_images(root / 'more', {'heart': 30})
    index = pa.table({'path': [f'more/heart/{i:03}.png' for i in range(30)], 'organ': ['x'] * 30})
    write_index(index, root / 'index.parquet')
    with pytest.raises(RuntimeError, match=r'not in the packed store .*usfm pack pack') as info:
        UltrasoundDataset(root)[0]
    assert 'usfm index' not in str(info.value)


def test_packed_is_pixel_identical_on_real_images(shared_data, tmp_path):
    paths = [
        f'USAnotAI/train/{path.name}'
        for path in sorted((shared_data / 'USAnotAI/train').glob('*.png'))[::30]
    ]
    paths += ['BUSI/Dataset_BUSI_with_GT/benign/benign (10).png']
    write_index(pa.table({'path': paths, 'organ': ['x'] * len(paths)}), tmp_path / 'i.parquet')
    pack(shared_data, tmp_path, tmp_path / 'i.parquet')
    packed = UltrasoundDataset(tmp_path)
    png = UltrasoundDataset(shared_data, index=tmp_path / 'i.parquet')
    for i in range(len(paths)):
        np.testing.assert_array_equal(png[i]['img'], packed[i]['img'])


def test_bad_images_are_replaced_and_counted(root):
    (root / 'liver/003.png').unlink()
    broken = root / 'liver/004.png'
    broken.write_bytes(broken.read_bytes()[:-20])
    dataset = UltrasoundDataset(root, max_bad_fraction=0.5)
    item = dataset[SeededIndex(43, 7)]
    assert item['organ'] == 'liver'
    assert item['sample_idx'] not in (43, 44)
    assert dataset[SeededIndex(43, 7)]['sample_idx'] == item['sample_idx']
    others = {dataset[SeededIndex(44, seed)]['sample_idx'] for seed in range(5)}
    assert len(others) > 1
    assert dataset.num_bad >= 7


def test_first_meeting_is_logged(root, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'usfm_mm.datasets.ultrasound.print_log',
        lambda message, **options: messages.append((message, options['level'])),
    )
    (root / 'liver/003.png').unlink()
    dataset = UltrasoundDataset(root)
    dataset[SeededIndex(43, 1)]
    dataset[SeededIndex(43, 2)]
    assert messages == [('image skipped: liver/003.png: file is missing', logging.WARNING)]


@pytest.mark.parametrize('workers', [0, 2])
def test_bad_images_of_workers_are_counted(root, workers):
    (root / 'liver/003.png').unlink()
    dataset = UltrasoundDataset(root, PIPELINE, seed=0)
    draws = [SeededIndex(43 if i % 16 == 5 else 2, i) for i in range(64)]
    for batch in DataLoader(dataset, 8, sampler=draws, num_workers=workers):
        assert len(batch['inputs']) == 8
    # a replacement may meet the same missing image
    assert 4 <= dataset.num_bad <= 6


def test_too_many_bad_images(root):
    for path in (root / 'liver').glob('*.png'):
        path.unlink()
    dataset = UltrasoundDataset(root)
    with pytest.raises(
        RuntimeError,
        match=r'10 of 10 images.*max_bad_fraction=0.01.*liver/0.*'
        'file is missing.*usfm index',
    ):
        dataset[SeededIndex(43, 0)]
    # 100 good draws for each bad one: no error
    dataset = UltrasoundDataset(root, max_bad_fraction=0.2)
    for i in range(60):
        dataset[i % 40]
    with pytest.raises(RuntimeError, match='of 7[0-9] images'):
        dataset[50]


def test_pickled_dataset_is_small_and_reads_the_index_again(root):
    dataset = UltrasoundDataset(root, PIPELINE, seed=2)
    state = dataset.__getstate__()
    assert not {'_paths', '_organ_ids'} & state.keys()
    copy = pickle.loads(pickle.dumps(dataset))
    assert len(copy) == 65
    assert same(copy[4], dataset[4])


def test_spawned_workers(root):
    dataset = UltrasoundDataset(root, PIPELINE, seed=2)
    (root / 'breast/001.png').unlink()
    loader = DataLoader(
        dataset, 4, sampler=[0, 1, 2, 3], num_workers=1, multiprocessing_context='spawn'
    )
    batch = next(iter(loader))
    assert same(
        {k: v[2] for k, v in batch.items()}, {k: torch.as_tensor(v) for k, v in dataset[2].items()}
    )
    assert dataset.num_bad >= 1


def test_errors(root):
    with pytest.raises(ValueError, match='channels'):
        UltrasoundDataset(root, channels=2)
    with pytest.raises(RuntimeError, match='returned None for breast/000.png'):
        UltrasoundDataset(root, [lambda results: None])[0]
