"""The data set of pairs: what is paired with what, drawn how, and what is refused."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import worker_init_fn
from torch.utils.data import DataLoader

from usfm_mm.datasets import SeededIndex, ShuffleSampler
from usfm_mm.datasets.transforms import LoadImagePair
from usfm_mm.io.image import BadImageError, encode_png
from usfm_mm.registry import DATASETS

ORGANS = ('breast', 'fetal head')


def write(path, value, shape=(30, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(np.full(shape, value, np.uint8)))


@pytest.fixture
def pairs(tmp_path):
    """Six pairs, of which a list names five; grey level n and 100 + n."""
    for n in range(6):
        write(tmp_path / 'low_quality' / f'{n}.png', n)
        write(tmp_path / 'high_quality' / f'{n}.png', 100 + n)
    (tmp_path / 'splits').mkdir()
    lines = [f'{n}.png {ORGANS[n % 2]}' for n in (4, 0, 1, 2, 3)]
    (tmp_path / 'splits' / 'enhance_train.txt').write_text('\n'.join(lines) + '\n')
    return tmp_path


def build(root, **kwargs):
    return DATASETS.build(dict(type='usfm_mm.EnhancementDataset', data_root=str(root), **kwargs))


LIST = 'splits/enhance_train.txt'


def test_pairs_of_a_list_in_its_order_with_organs(pairs):
    dataset = build(pairs, ann_file=LIST, pipeline=[LoadImagePair()])
    assert len(dataset) == 5
    assert dataset.metainfo['organs'] == ['breast', 'fetal head']
    assert dataset.organ_ids.tolist() == [0, 0, 1, 0, 1]
    for position, n in enumerate((4, 0, 1, 2, 3)):
        item = dataset[position]
        assert item['img_A_path'] == str(pairs / 'low_quality' / f'{n}.png')
        assert item['img_B_path'] == str(pairs / 'high_quality' / f'{n}.png')
        assert item['organ'] == ORGANS[n % 2]
        assert (item['img_A'] == n).all()
        assert (item['img_B'] == 100 + n).all()
        assert item['img_A'].shape == item['img_B'].shape == (30, 40, 3)


def test_without_a_list_all_images_are_taken(pairs):
    dataset = build(pairs)
    assert len(dataset) == 6
    assert dataset.metainfo['organs'] == ['unknown']


def test_suffixes_may_differ_and_organs_be_left_out(pairs):
    (pairs / 'high_quality' / '0.png').unlink()
    cv2.imwrite(str(pairs / 'high_quality' / '0.bmp'), np.zeros((30, 40), np.uint8))
    (pairs / LIST).write_text('0\n1.png\n\n')
    dataset = build(pairs, ann_file=LIST)
    assert dataset[0]['img_B_path'].endswith('0.bmp')
    assert dataset[1]['organ'] == 'unknown'


@pytest.mark.parametrize(
    ('line', 'name', 'organ'),
    [
        ('Bild 0.png thyroid', 'Bild 0', 'thyroid'),
        ('Bild 0.PNG  fetal head ', 'Bild 0', 'fetal head'),
        ('Bild 0.tiff', 'Bild 0', 'unknown'),
        ('a.png.x b.jpg liver', 'a.png.x b', 'liver'),  # no blank follows the first suffix
        ('größe.bmp\tliver', 'größe', 'liver'),
        ('a fetal head', 'a', 'fetal head'),
        ('a.5', 'a.5', 'unknown'),
    ],
)
def test_where_the_name_ends_in_a_line(pairs, line, name, organ):
    for n, side in enumerate(('low_quality', 'high_quality')):
        write(pairs / side / f'{name}.png', n)
    (pairs / LIST).write_text(f'{line}\n0.png {organ}\n', encoding='utf-8-sig')
    dataset = build(pairs, ann_file=LIST)
    assert len(dataset) == 2
    assert dataset.get_data_info(0)['img_A_path'] == str(pairs / 'low_quality' / f'{name}.png')
    assert dataset.get_data_info(0)['organ'] == organ


def unpaired(root):
    for n in range(4):
        write(root / 'low_quality' / f'a{n}.png', n)
    for n in range(7):
        write(root / 'high_quality' / f'b{n}.png', 100 + n, (20, 50))
    return root


def test_unpaired_draws_from_all_of_b(tmp_path):
    dataset = build(unpaired(tmp_path), paired=False, pipeline=[LoadImagePair(channels=1)])
    assert len(dataset) == 4
    drawn = np.zeros((4, 7), int)
    for seed in range(700):
        item = dataset[SeededIndex(seed % 4, seed)]
        assert (item['img_A'] == seed % 4).all()
        drawn[seed % 4, item['img_B'][0, 0, 0] - 100] += 1
    assert (drawn > 8).all()  # 25 expected
    # The same draw gives the same image, and does not touch the global generator.
    np.random.seed(3)
    state = np.random.get_state()[1].copy()
    first = [dataset[SeededIndex(1, seed)]['img_B_path'] for seed in range(20)]
    assert first == [dataset[SeededIndex(1, seed)]['img_B_path'] for seed in range(20)]
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize('workers', [1, 2])
def test_draws_do_not_depend_on_the_workers(tmp_path, workers):
    dataset = build(unpaired(tmp_path), paired=False)

    def draws(num_workers):
        sampler = ShuffleSampler(dataset, seed=5)
        loader = DataLoader(
            dataset,
            batch_size=2,
            sampler=sampler,
            num_workers=num_workers,
            collate_fn=list,
            worker_init_fn=lambda i: worker_init_fn(i, num_workers, 0, seed=9),
        )
        drawn = []
        for epoch in range(5):
            sampler.set_epoch(epoch)
            drawn += [(i['img_A_path'], i['img_B_path']) for batch in loader for i in batch]
        return drawn

    expected = draws(0)
    assert len(expected) == 20
    assert len(set(expected)) > 10
    assert draws(workers) == expected


def test_unpaired_takes_a_list_of_either_folder(pairs):
    write(pairs / 'low_quality' / 'a.png', 50)
    write(pairs / 'high_quality' / 'b.png', 51)
    (pairs / LIST).write_text('a.png breast\nb.png breast\n0.png\n')
    dataset = build(pairs, ann_file=LIST, paired=False)
    assert len(dataset) == 2
    drawn = {dataset[SeededIndex(0, seed)]['img_B_path'] for seed in range(30)}
    assert drawn == {str(pairs / 'high_quality' / name) for name in ('b.png', '0.png')}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-30])  # its header is whole


@pytest.mark.parametrize(
    ('damage', 'error', 'message'),
    [
        (
            lambda r: (r / 'high_quality' / '2.png').unlink(),
            FileNotFoundError,
            r'high_quality has no image 2, but .*enhance_train.txt lists it',
        ),
        (lambda r: (r / LIST).write_text('9.png\n'), FileNotFoundError, r'low_quality and .* 9'),
        (lambda r: (r / LIST).write_text('\n'), ValueError, r'enhance_train.txt is empty'),
        (lambda r: (r / LIST).write_text('1.png\n1.png a\n'), ValueError, 'lists 1 twice'),
        (lambda r: (r / LIST).write_text('Bild 1\nBild 2'), ValueError, 'Bild twice: .* suffix'),
        (
            lambda r: (r / LIST).write_text('größe.png', encoding='latin-1'),
            ValueError,
            r'enhance_train.txt is not in UTF-8 \(.*\): save it as such',
        ),
        (lambda r: (r / LIST).unlink(), FileNotFoundError, r'enhance_train.txt: no such list'),
        (
            lambda r: write(r / 'low_quality' / '2.png', 0, (31, 40)),
            ValueError,
            r'low_quality/2.png has 40×31 pixels, its counterpart .*high_quality/2.png 40×30',
        ),
        (lambda r: truncate(r / 'low_quality' / '2.png'), ValueError, r'2.png: PNG is truncated'),
        (
            lambda r: (r / 'high_quality' / '2.png').write_text('no image'),
            ValueError,
            r'high_quality/2.png: cannot identify',
        ),
        (
            lambda r: write(r / 'low_quality' / '2.PNG', 0),
            ValueError,
            r'2.png and .*2.PNG have one name',
        ),
        (
            lambda r: [p.unlink() for p in (r / 'high_quality').iterdir()],
            ValueError,
            r'high_quality has no image',
        ),
        (
            lambda r: (r / 'low_quality').rename(r / 'other'),
            FileNotFoundError,
            r'low_quality: no such folder',
        ),
    ],
)
def test_bad_input_is_named_at_the_start(pairs, damage, error, message):
    damage(pairs)
    with pytest.raises(error, match=message):
        build(pairs, ann_file=LIST)


def test_other_bad_input(pairs):
    write(pairs / 'low_quality' / 'alone.png', 0)
    with pytest.raises(FileNotFoundError, match='high_quality has no image alone, but the other'):
        build(pairs)
    with pytest.raises(ValueError, match='only be tested in pairs'):
        build(pairs, paired=False, test_mode=True)
    (pairs / LIST).write_text('alone.png\n')
    with pytest.raises(ValueError, match='names no image of .*high_quality'):
        build(pairs, ann_file=LIST, paired=False)


def test_a_file_cut_off_later_is_named_when_it_is_read(pairs):
    dataset = build(pairs, pipeline=[LoadImagePair()])
    truncate(pairs / 'high_quality' / '0.png')
    with pytest.raises(BadImageError, match=r'high_quality/0.png: PNG is truncated'):
        dataset[0]
    with pytest.raises(ValueError, match='channels must be 1 or 3'):
        LoadImagePair(channels=2)


@pytest.mark.parametrize('channels', [1, 3])
def test_the_configs_augmentation_keeps_pairs_aligned(pairs, project_root, channels):
    """Of one picture in both domains, A and B come out equal, and another one each time."""
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (240, 300)).astype(np.uint8), (0, 0), 4)
    for side in ('low_quality', 'high_quality'):
        (pairs / side / '0.png').write_bytes(encode_png(picture))
    cfg = Config.fromfile(project_root / 'configs' / '_base_' / 'enhance_data.py')
    load, augment, _ = cfg.train_dataloader.dataset.pipeline
    load.channels = channels
    dataset = build(pairs, ann_file=LIST, pipeline=[load, augment])
    results = []
    for seed in range(12):
        item = dataset[SeededIndex(1, seed)]
        assert item['img_A'].shape == (224, 224, channels)
        np.testing.assert_array_equal(item['img_A'], item['img_B'])
        results.append(item['img_A'].astype(int))
    assert min(np.abs(results[0] - other).max() for other in results[1:]) > 20
    # Unpaired images are augmented each on its own.
    augment.share_random_params = False
    dataset = build(pairs, ann_file=LIST, pipeline=[load, augment])
    item = dataset[SeededIndex(1, 0)]
    assert np.abs(item['img_A'].astype(int) - item['img_B']).max() > 20


def test_importing_the_data_sets_needs_no_mmagic():
    code = "import sys, usfm_mm.datasets, usfm_mm.registry; assert 'mmagic' not in sys.modules"
    subprocess.run([sys.executable, '-c', code], check=True)
