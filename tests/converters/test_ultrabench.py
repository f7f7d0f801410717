"""UltraBench's processed data sets, as its package 1.0.1 writes their files."""

import json

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from usfm_mm.converters import CONVERTERS
from usfm_mm.converters.convert import convert
from usfm_mm.converters.items import ConversionError
from usfm_mm.converters.ultrabench import ULTRABENCH

MASKS = {
    'aul_mass': 'mass_mask',
    'aul_liver': 'liver_mask',
    'camus': 'mask',
    'mmotu': 'tumor_mask_binary',
    'open_kidney': 'capsule_mask',
    'psfhs': 'psfh_mask',
    'stanford_thyroid': 'tumor_mask',
}
GROUPS = {'pocus': 'source'}
SPLITS = {'train': 4, 'validation': 2, 'test': 2}


def write(root, converter):
    """Two images of each patient, whose masks and labels go through all values."""
    name = converter.name.removeprefix('ultrabench_')
    rng = np.random.default_rng(0)
    for folder in ('images', 'masks/scan', 'masks/own'):
        (root / folder).mkdir(parents=True)
    total = 0
    for split, count in SPLITS.items():
        entries = []
        for _ in range(count * max(len(converter.cls_classes), 1)):
            stem = f'{split}_{total}'
            total += 1
            Image.fromarray(rng.integers(0, 255, (20, 30), np.uint8)).save(
                root / 'images' / f'{stem}.png'
            )
            entry = dict(image=f'images/{stem}.png', scan_mask=f'masks/scan/{stem}.png')
            if name in MASKS:
                mask = rng.integers(0, len(converter.seg_classes), (20, 30), np.uint8)
                Image.fromarray(mask).save(root / 'masks' / 'own' / f'{stem}.png')
                entry[MASKS[name]] = f'masks/own/{stem}.png'
            if converter.cls_classes:
                entry['label'] = len(entries) % len(converter.cls_classes)
            entry[GROUPS.get(name, 'patient')] = f'{split}{len(entries) // 2}'
            entries.append(entry)
        (root / f'{split}.json').write_text(json.dumps(entries))
    return root


@pytest.mark.parametrize('converter', ULTRABENCH, ids=lambda c: c.name)
def test_tasks_are_read_with_their_split(converter, tmp_path):
    assert CONVERTERS[converter.name] is converter
    root = write(tmp_path / 'raw' / f'{converter.name}_v1.0.1', converter)
    out = tmp_path / 'out'
    convert(converter, tmp_path / 'raw', out, 0, Console(quiet=True))
    task = 'seg' if converter.seg_classes else 'cls'
    for split, name in (('train', 'train'), ('validation', 'val'), ('test', 'test')):
        entries = json.loads((root / f'{split}.json').read_text())
        lines = (out / 'splits' / f'{task}_{name}.txt').read_text().split('\n')[:-1]
        assert len(lines) == len(entries)
        if converter.cls_classes:
            lines = (out / 'splits' / f'cls_{name}.txt').read_text().split('\n')[:-1]
            expected = [
                f'{entry["image"].removeprefix("images/")} {entry["label"]}' for entry in entries
            ]
            assert lines == expected
        for entry in entries:
            stem = entry['image'].removeprefix('images/').removesuffix('.png')
            image = np.asarray(Image.open(root / entry['image']))
            np.testing.assert_array_equal(
                np.asarray(Image.open(out / 'images' / f'{stem}.png')), image
            )
            if converter.seg_classes:
                mask = np.asarray(Image.open(root / 'masks/own' / f'{stem}.png'))
                found = np.asarray(Image.open(out / 'masks' / f'{stem}.png'))
                np.testing.assert_array_equal(found, mask)


def test_fourteen_tasks():
    assert sum(bool(c.seg_classes) + bool(c.cls_classes) for c in ULTRABENCH) == 14


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('label', 3, 'train.json, entry 0: label 3 is none of 0 to 2'),
        ('image', 'images/none.png', 'train.json, entry 0: image images/none.png is not in'),
        ('image', '../outside.png', r'entry 0: image ../outside.png is not in'),
        ('mask', None, 'entry 0: no mask: is it another data set of UltraBench'),
    ],
)
def test_the_entry_that_is_wrong_is_named(key, value, message, tmp_path):
    converter = CONVERTERS['ultrabench_camus']
    root = write(tmp_path / 'raw' / 'camus', converter)
    Image.new('L', (30, 20)).save(tmp_path / 'raw' / 'outside.png')
    entries = json.loads((root / 'train.json').read_text())
    entries[0][key] = value
    (root / 'train.json').write_text(json.dumps(entries))
    with pytest.raises(ConversionError, match=message):
        convert(converter, root, tmp_path / 'out', 0, Console(quiet=True))
