"""Making an index of good and of broken folders."""

import csv
import json
import shutil

import cv2
import numpy as np
import pyarrow.parquet
import pytest

from usfm_mm.commands.make_index import main
from usfm_mm.curation.pack import pack
from usfm_mm.datasets.ultrasound import UltrasoundDataset
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.io.index import read_about, read_index


def write(path, level=None, size=(20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    image = rng.integers(0, 256, size, np.uint8) if level is None else np.full(size, level)
    path.write_bytes(encode_png(image.astype(np.uint8)))


@pytest.fixture
def root(tmp_path):
    for i in range(30):
        write(tmp_path / 'data/breast/case' / f'{i}.png')
    for i in range(5):
        write(tmp_path / 'data/liver' / f'{i}.png')
    return tmp_path / 'data'


def run(*arguments):
    main([str(argument) for argument in arguments] + ['--workers', '1'])


def test_folders_by_organ(root, capsys):
    write(root / 'breast/case/1_mask.png')
    run(root, '--val-fraction', '0.1')
    table = read_index(root)
    assert len(table) == 35
    assert not any('mask' in path for path in table['path'].to_pylist())
    assert table['organ'].to_pylist() == ['breast'] * 30 + ['liver'] * 5
    # A share asked for holds one image of the small organ out as well.
    assert UltrasoundDataset(root, split='val').organ_counts == {'breast': 3, 'liver': 1}
    chart = cv2.imread(str(root / 'organ_distribution.png'))
    assert chart.shape[1] >= 700
    # Two bars of two organs, in two colours, over a large part of it.
    assert np.any(np.ptp(chart, axis=2) > 60, axis=0).mean() > 0.3
    assert not (root / 'bad_images.csv').exists()
    printed = capsys.readouterr().out
    assert '1 images left out by --exclude' in printed
    assert '85.71%' in printed
    # drawn with probability sqrt(30) / (sqrt(30) + sqrt(5))
    assert '71.01%' in printed
    assert '35 images, 0 bad' in printed


def test_nothing_held_out_is_said(tmp_path, capsys):
    for organ in ('breast', 'liver', 'lung'):
        for i in range(12 if organ != 'lung' else 1):
            write(tmp_path / organ / f'{i}.png')
    run(tmp_path)
    assert set(read_index(tmp_path)['split'].to_pylist()) == {'train'}
    assert 'No image is held out for validation' in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"no split 'val'.*has train.*--val-fraction 0\.1"):
        UltrasoundDataset(tmp_path, split='val')
    run(tmp_path, '--val-fraction', '0.01')
    assert 'No image is held out' not in capsys.readouterr().out
    counts = UltrasoundDataset(tmp_path, split='val').organ_counts
    assert counts == {'breast': 1, 'liver': 1, 'lung': 0}
    assert len(UltrasoundDataset(tmp_path, split='train')) == 23


def test_packed_images_are_remembered(root, capsys):
    run(root)
    assert 'pack_images' not in capsys.readouterr().out
    pack(root, root)
    run(root)
    assert f'"usfm pack pack {root}"' in capsys.readouterr().out


def test_mean_and_std(tmp_path, capsys):
    write(tmp_path / 'breast/1.png', 10)
    write(tmp_path / 'breast/2.png', 50, (90, 80))
    run(tmp_path)
    assert 'mean=[30.00], std=[20.00]' in capsys.readouterr().out
    metadata = pyarrow.parquet.read_schema(tmp_path / 'index.parquet').metadata
    assert json.loads(metadata[b'usfm_mm']) == {'mean': [30.0], 'std': [20.0]}


def test_images_of_16_bits_are_scaled_alike(tmp_path, capsys):
    write(tmp_path / 'breast/1.png', 10)
    for name, level in (('2', 1000), ('3', 3000)):
        deep = np.full((9, 9), level, np.uint16)
        (tmp_path / f'breast/{name}.png').write_bytes(cv2.imencode('.png', deep)[1].tobytes())
    run(tmp_path)
    assert '2 images have 16 bits per sample, of which 12 are used' in capsys.readouterr().out
    about = read_about(tmp_path / 'index.parquet')
    levels = np.array([10, 1000 * 255 / 4095, 3000 * 255 / 4095])
    assert about['bits'] == 12
    np.testing.assert_allclose(about['mean'] + about['std'], [levels.mean(), levels.std()])
    for packed in (False, True):
        if packed:
            pack(tmp_path, tmp_path)
        dataset = UltrasoundDataset(tmp_path)
        assert [dataset[i]['img'].max() for i in range(3)] == [10, 62, 187]


def test_bad_images_are_listed_and_left_out(root, capsys):
    path = root / 'liver/2.png'
    path.write_bytes(path.read_bytes()[:-30])
    (root / 'liver/3.png').write_bytes(b'')
    run(root)
    rows = list(csv.reader((root / 'bad_images.csv').open()))
    assert rows == [
        ['path', 'organ', 'reason'],
        ['liver/2.png', 'liver', 'PNG is truncated (no end mark)'],
        ['liver/3.png', 'liver', 'file is empty'],
    ]
    assert '33 images, 2 bad' in capsys.readouterr().out
    assert not {'liver/2.png', 'liver/3.png'} & set(read_index(root)['path'].to_pylist())
    for name in ('2', '3'):
        write(root / f'liver/{name}.png')
    run(root)
    assert len(read_index(root)) == 35
    assert not (root / 'bad_images.csv').exists()


def test_parallel_gives_the_same(root, tmp_path, monkeypatch):
    monkeypatch.setattr('usfm_mm.curation.verify._CHUNK', 5)
    run(root, '--out', tmp_path / 'one')
    main([str(root), '--out', str(tmp_path / 'two'), '--workers', '2'])
    assert read_index(root, tmp_path / 'one/index.parquet').equals(
        read_index(root, tmp_path / 'two/index.parquet')
    )
    assert not (root / 'index.parquet').exists()


@pytest.mark.parametrize(
    ('prepare', 'message'),
    [
        (lambda root: (root / 'heart').mkdir(), 'organ folder .*heart has no images'),
        (
            lambda root: shutil.copytree(root / 'liver', root / 'Liver'),
            "'Liver' and 'liver' differ",
        ),
        (lambda root: shutil.rmtree(root), 'is not a folder'),
        (
            lambda root: [shutil.rmtree(root / name) for name in ('breast', 'liver')],
            'no images under',
        ),
        (
            lambda root: [path.write_bytes(b'') for path in (root / 'liver').iterdir()],
            'none of the images of liver',
        ),
    ],
)
def test_unusable_roots(root, prepare, message):
    prepare(root)
    with pytest.raises((ValueError, OSError), match=message):
        run(root)


def test_pattern(tmp_path):
    for name in ('oslo/liver_p1_a.png', 'oslo/liver_p1_b.png', 'rome/heart_p2_a.png', 'x.png'):
        write(tmp_path / name)
    pattern = r'(?P<center>\w+)/(?P<organ>[a-z]+)_(?P<patient>p\d+)_'
    run(tmp_path, '--pattern', pattern)
    table = read_index(tmp_path)
    assert table['center'].to_pylist() == ['oslo', 'oslo', 'rome']
    assert table['patient'].to_pylist() == ['p1', 'p1', 'p2']
    assert table['organ'].to_pylist() == ['liver', 'liver', 'heart']
    for bad in ('(?P<center>.)', '(?P<organ>.)(?P<age>.)', '('):
        with pytest.raises((ValueError, OSError), match='--pattern'):
            run(tmp_path, '--pattern', bad)


def test_manifest(root, tmp_path):
    manifest = tmp_path / 'manifest.csv'
    manifest.write_text(
        'file,organ,dataset,group,split\nliver/0.png,liver,D,1,train\n'
        'liver/1.png,liver,D,1,val\nclip.mp4,lung,D,2,val\n'
    )
    run(root, '--manifest', manifest, '--out', tmp_path / 'out')
    table = read_index(root, tmp_path / 'out/index.parquet')
    assert table['patient'].to_pylist() == ['D:1', 'D:1']
    assert table['split'].to_pylist() == ['train', 'val']
    manifest.write_text('name,organ\n1.png,liver\n')
    with pytest.raises((ValueError, OSError), match='has the columns name, organ; it needs "path"'):
        run(root, '--manifest', manifest)
    manifest.write_text('path,organ,split\nliver/0.png,liver,train\nliver/1.png,liver,\n')
    with pytest.raises((ValueError, OSError), match='1 images have no split'):
        run(root, '--manifest', manifest)
    manifest.write_text('path,organ\nliver/0.png,\n')
    with pytest.raises((ValueError, OSError), match='line 2: column "organ" is empty'):
        run(root, '--manifest', manifest)


def test_real_images(shared_data, tmp_path, capsys):
    run(shared_data, '--manifest', shared_data / 'manifest.csv', '--out', tmp_path)
    dataset = UltrasoundDataset(shared_data, index=tmp_path / 'index.parquet')
    assert dataset.organ_counts == {
        'bladder': 51,
        'bowel': 51,
        'breast': 300,
        'fetal_head': 373,
        'gallbladder': 51,
        'kidney': 51,
        'liver': 51,
        'muscle': 153,
        'nerve': 204,
        'phantom': 12,
        'spleen': 51,
    }
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    assert not [
        path for path in paths if '_mask' in path or '_Annotation' in path or '/masks/' in path
    ]
    item = dataset[paths.index('HC18/training_set/001_HC.png')]
    assert item['organ'] == 'fetal_head'
    np.testing.assert_array_equal(item['img'][..., 0], read_grey(shared_data / item['img_path']))
    # patients are not split: the second image of an HC18 patient follows the first
    val = UltrasoundDataset(shared_data, index=tmp_path / 'index.parquet', split='val')
    table = read_index(shared_data, tmp_path / 'index.parquet')
    patients = {split: set() for split in ('train', 'val')}
    for patient, split in zip(
        table['patient'].to_pylist(), table['split'].to_pylist(), strict=True
    ):
        patients[split].add(patient)
    assert patients['train'] & patients['val'] <= {None}  # none is known of USAnotAI
    assert 10 <= len(val) <= 20
    assert '1348 images, 0 bad' in capsys.readouterr().out


def test_prepared_sets_keep_their_splits(tmp_path):
    for folder, organ in (('busi', 'breast'), ('hc18', 'fetal_head')):
        lines = ['path,organ,patient,split,_mask']
        for i, split in enumerate(('train', 'train', 'val', 'test')):
            write(tmp_path / folder / 'images' / f'{i}.png')
            write(tmp_path / folder / 'masks' / f'{i}.png')
            lines.append(f'images/{i}.png,{organ},{i // 2},{split},masks/{i}.png')
        (tmp_path / folder / 'index.csv').write_text('\n'.join(lines) + '\n')
    run(tmp_path, '--prepared')
    table = read_index(tmp_path)
    assert table['path'].to_pylist()[:2] == ['busi/images/0.png', 'busi/images/1.png']
    assert table['split'].to_pylist() == ['train', 'train', 'val', 'test'] * 2
    assert set(table['patient'].to_pylist()) == {'busi:0', 'busi:1', 'hc18:0', 'hc18:1'}
    assert len(UltrasoundDataset(tmp_path, split='train')) == 4
    with pytest.raises((ValueError, OSError), match='no folder under'):
        run(tmp_path / 'busi', '--prepared')


def test_a_prepared_set_is_not_taken_for_organs(tmp_path):
    """Its images and masks would be organs; before, it was told to delete its splits."""
    for folder in ('images', 'masks', 'splits'):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / 'images' / 'a.png'), np.zeros((8, 8), np.uint8))
    (tmp_path / 'dataset.json').write_text('{}')
    with pytest.raises((ValueError, SystemExit), match='prepared data set.*--prepared'):
        run(tmp_path)


def test_a_majority_and_what_is_left_out(root, tmp_path, capsys):
    for i in range(5, 20):
        write(root / 'liver' / f'{i}.png')
    arguments = (root, '--val-fraction', '0.1', '--majority', 'breast=0.9')
    run(*arguments)
    train = [row for row in read_index(root).to_pylist() if row['split'] == 'train']
    assert [row['organ'] for row in train] == ['breast'] * 27 + ['liver'] * 3
    assert '15 training images left out by --majority breast' in capsys.readouterr().out
    val = [row['path'] for row in read_index(root).to_pylist() if row['split'] == 'val']
    file = tmp_path / 'overlap.csv'
    file.write_text(f'a,b,bits\n{train[0]["path"]},{val[0]},3\n{val[0]},x,3\n')
    run(*arguments, '--leave-out', file)
    left = read_index(root)['path'].to_pylist()
    assert sorted(left) == sorted([*(row['path'] for row in train[1:]), *val])  # 26 still ask for 3
    assert '1 training images left out by --leave-out' in capsys.readouterr().out
    for wrong in ('breast', '=0.9', 'breast=much'):
        with pytest.raises(SystemExit):
            run(root, '--majority', wrong)
