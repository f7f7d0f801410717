"""Names of all scripts, from one's own folders to the data sets that read the lists."""

import csv
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from support.release_files import image, mask, seg_names
from usfm_mm.compat import import_mmseg, quiet_imports
from usfm_mm.config.classes import fit_classes
from usfm_mm.config.options import set_data_root
from usfm_mm.converters.items import safe_name
from usfm_mm.datasets import EnhancementDataset
from usfm_mm.datasets.checks import find_problems
from usfm_mm.io.image import read_grey
from usfm_mm.io.index import read_index

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from usfm_mm.commands.prepare_data import main  # noqa: E402

NAMES = ('甲', '乙', 'müller', 'möller', 'größe', 'กี', 'กิ', 'скан 1', 'скан 2', 'a (1)')
STEMS = {'甲', '乙', 'müller', 'möller', 'größe', 'กี', 'กิ', 'скан_1', 'скан_2', 'a_1'}


def nfd(name):
    """As macOS writes it: a letter, then its dots."""
    return unicodedata.normalize('NFD', name)


def prepared(cfg, out):
    """The config with this data set, after the check of its data."""
    set_data_root(cfg, str(out))
    fit_classes(cfg)
    cfg.train_dataloader.batch_size = 2
    errors, warnings = [], []
    find_problems(cfg, ('train', 'val', 'test'), errors, warnings)
    assert errors == warnings == []
    return cfg


@pytest.mark.parametrize(
    ('path', 'name'),
    [
        ('benign (3).png', 'benign_3'),
        ('a/b__c -d.tar.png', 'a_b__c_-d_tar'),
        ('_甲.png', '甲'),
        (nfd('Müller é.PNG'), 'Müller_é'),
        ('กี.png', 'กี'),
        ('😀.png', ''),
    ],
)
def test_a_safe_name_keeps_letters_of_all_scripts(path, name):
    assert safe_name(path) == name


def test_ascii_names_are_what_they_were():
    rng = np.random.default_rng(0)
    for codes in rng.integers(32, 127, (2000, 6)):
        path = 'x' + ''.join(map(chr, codes)) + '.png'
        stem = str(Path(path).with_suffix(''))
        assert safe_name(path) == re.sub(r'[^A-Za-z0-9_-]+', '_', stem).strip('_')


@pytest.fixture
def own(tmp_path):
    """Images with masks, whose names macOS wrote."""
    for n, name in enumerate(NAMES):
        image(tmp_path / 'own' / 'images' / f'{name}.png')
        mask(tmp_path / 'own' / 'masks' / f'{nfd(name)}.png', (3, 9, 3, 9 + n))
    return tmp_path / 'own'


def test_segmentation_from_end_to_end(own, tmp_path):
    pytest.importorskip('mmseg')
    out = tmp_path / 'out'
    main(['folder', str(own), str(out)])
    names = seg_names(out)
    assert set.union(*names.values()) == STEMS
    np.testing.assert_array_equal(
        read_grey(out / 'images' / 'größe.png'), read_grey(own / 'images' / 'größe.png')
    )
    assert read_grey(out / 'masks' / 'größe.png').sum() == 6 * 10  # the fifth mask
    table = read_index(out, None, ('path', 'organ'))
    assert {path.as_py() for path in table['path']} == {f'images/{name}.png' for name in STEMS}
    quiet_imports()
    import_mmseg()
    from mmseg.registry import DATASETS

    cfg = prepared(Config.fromfile(ROOT / 'configs/usfm/seg_custom_upernet.py'), out)
    init_default_scope('mmseg')
    for split in ('train', 'val', 'test'):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        paths = {dataset[i]['data_samples'].img_path for i in range(len(dataset))}
        assert {Path(path).stem for path in paths} == names[split]


def test_classification_from_end_to_end(tmp_path):
    for label in ('ä', 'ö'):  # of one image name each; val has the names of macOS
        for split, count in (('train', 4), ('val', 2), ('test', 2)):
            folder = nfd(label) if split == 'val' else label
            for n in range(count):
                image(tmp_path / 'own' / split / folder / f'{n}.png', (40, 50 + ord(label) % 7 + n))
    out = tmp_path / 'out'
    main(['folder', str(tmp_path / 'own'), str(out)])
    lines = (out / 'splits' / 'cls_val.txt').read_text(encoding='utf-8').splitlines()
    assert sorted(lines) == [f'val_{c}_{n}.png {i}' for i, c in enumerate('äö') for n in range(2)]
    quiet_imports()
    from mmpretrain.registry import DATASETS

    cfg = prepared(Config.fromfile(ROOT / 'configs/usfm/cls_custom_linear.py'), out)
    init_default_scope('mmpretrain')
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    assert dataset.metainfo['classes'] == ('ä', 'ö')
    for i in range(4):
        sample = dataset[i]['data_samples']
        assert Path(sample.img_path).name.startswith(f'val_{"äö"[int(sample.gt_label)]}_')


def test_pairs_from_end_to_end(tmp_path):
    for name in NAMES:
        image(tmp_path / 'own' / 'Schilddrüse' / 'low_quality' / f'{name}.png')
        image(tmp_path / 'own' / 'Schilddrüse' / 'high_quality' / f'{nfd(name)}.png')
    out = tmp_path / 'out'
    main(['folder', str(tmp_path / 'own'), str(out)])
    dataset = EnhancementDataset(out, 'splits/enhance_train.txt')
    assert dataset.metainfo['organs'] == ['schilddrüse']
    for i in range(len(dataset)):
        row = dataset.get_data_info(i)
        stem = Path(row['img_A_path']).stem.removeprefix('schilddrüse_')
        assert stem == Path(row['img_B_path']).stem.removeprefix('schilddrüse_')
        assert stem in STEMS


def test_splits_and_patients_of_composed_and_other_names(own, tmp_path):
    rows = [f'{nfd(name)},{"train" if n < 8 else "test"}' for n, name in enumerate(NAMES)]
    table = tmp_path / 's.csv'
    table.write_text('\n'.join(['name,split', *rows]), encoding='utf-8')
    for path in (own / 'images').glob('*.png'):
        path.rename(path.with_name(nfd(path.name)))
    out = tmp_path / 'out'
    options = ['--splits', str(table), '--patients', '([ö甲乙]|.)']
    main(['folder', str(own), str(out), *options])
    assert seg_names(out)['test'] == {'скан_2', 'a_1'}
    with open(out / 'index.csv', newline='', encoding='utf-8') as file:
        patients = {row['path']: row['patient'] for row in csv.DictReader(file)}
    assert patients['images/möller.png'] == 'm'
    table.write_text('name,split\nmüller,train\n', encoding='latin-1')
    with pytest.raises(
        (ValueError, OSError), match=r's.csv is no CSV in UTF-8 \(.*\): save it as one'
    ):
        main(['folder', str(own), str(tmp_path / 'other'), '--splits', str(table)])


def test_names_that_are_not_in_utf_8(own, tmp_path):
    """As old archives leave them on Linux."""
    try:
        for folder in ('images', 'masks'):
            (own / folder / '甲.png').rename(own / folder / os.fsdecode(b'gr\xf6sse.png'))
        (own / os.fsdecode(b'n\xf6te.txt')).touch()
    except OSError as error:  # macOS refuses such names
        pytest.skip(str(error))
    out = tmp_path / 'out'
    command = [sys.executable, 'tools/prepare_data.py', 'folder', str(own), str(out)]
    environment = dict(os.environ, PYTHONIOENCODING='utf-8')  # strict, as on a desktop
    run = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, env=environment, encoding='utf-8'
    )
    assert r'Files left out: 1 (n\udcf6te.txt).' in run.stdout
    with open(out / 'index.csv', newline='', encoding='utf-8') as file:
        sources = {row['path']: row['_source'] for row in csv.DictReader(file)}
    assert sources['images/gr_sse.png'] == r'images/gr\udcf6sse.png'


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (('a b', 'a_b'), r'images/a b.png and .*images/a_b.png would both be called a_b.png'),
        (('😀', 'a'), r'images/😀.png has no letter or digit in its name: rename it'),
    ],
)
def test_names_that_cannot_be_kept_are_refused(tmp_path, names, message):
    for name in names:
        image(tmp_path / 'own' / 'images' / f'{name}.png')
        mask(tmp_path / 'own' / 'masks' / f'{name}.png', (3, 9, 3, 9))
    with pytest.raises((ValueError, OSError), match=message):
        main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])


def test_files_are_in_utf_8_whatever_the_system(own, tmp_path):
    """Python warns of each file that is opened in the system's encoding."""
    modules = [f'usfm_mm.converters.{name}' for name in ('convert', 'folder', 'summary')]
    errors = [word for name in modules for word in ('-W', f'error::EncodingWarning:{name}')]
    command = [sys.executable, '-X', 'warn_default_encoding', *errors, 'tools/prepare_data.py']
    arguments = ['folder', str(own), str(tmp_path / 'out')]
    subprocess.run([*command, *arguments], cwd=ROOT, check=True, capture_output=True)
