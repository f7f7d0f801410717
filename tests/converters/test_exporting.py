"""A prepared set goes out as nnU-Net and COCO and comes back without a changed pixel."""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip('pycocotools')
from PIL import Image
from pycocotools.coco import COCO

from support.annotated import SHAPE, index_rows, masked_folder, prepare
from usfm_mm.commands.export_data import main
from usfm_mm.commands.prepare_data import main as prepare_main

FORMATS = ('nnunet', 'coco')


def export(prepared, out, kind):
    main([str(prepared), str(out), '--format', kind])
    return out


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """Two structures, patients, classes in an order of their own, and a split."""
    folder = tmp_path_factory.mktemp('prepared')
    names = [f'p{n}_{side}' for n in range(8) for side in 'ab']
    masked_folder(folder / 'own', names)
    rows = [f'{name},{name[:2]},{"yn"[int(name[1]) % 2]}' for name in names]
    (folder / 'table.csv').write_text('\n'.join(['name,patient,label', *rows]))
    options = ('--table', str(folder / 'table.csv'), '--classes', 'one', 'two', '--organ', 'liver')
    prepare('folder', folder / 'own', folder / 'out', *options)
    return folder / 'out'


def files(folder):
    """Content of all files that tell of images, masks and splits."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in ('images', 'masks', 'splits')
        for path in (folder / part).iterdir()
    }


def told(out):
    """What the index tells, but for where each image was read from."""
    return [{k: v for k, v in row.items() if k != '_source'} for row in index_rows(out).values()]


def assert_same(one, other):
    """Same images, masks, lists (those of the training set's shares, too), index and numbers."""
    assert files(one) == files(other)
    assert told(one) == told(other)
    about, again = (json.loads((f / 'dataset.json').read_text()) for f in (one, other))
    for key in ('seg_classes', 'cls_classes', 'mean', 'std', 'images', 'page', 'licence'):
        assert about[key] == again[key]


@pytest.mark.parametrize('kind', FORMATS)
@pytest.mark.parametrize('asked', ['as it is', 'folder'])
def test_round_trip(prepared, tmp_path, kind, asked):
    export(prepared, tmp_path / 'Dataset501_own', kind)
    name = kind if asked == 'as it is' else 'folder'
    prepare(name, tmp_path / 'Dataset501_own', tmp_path / 'again')
    assert_same(prepared, tmp_path / 'again')
    patients = {row['patient'] for row in index_rows(tmp_path / 'again').values()}
    assert patients == {f'p{n}' for n in range(8)}


REAL = {'hc18': 'HC18/training_set/0*', 'busi': 'BUSI/Dataset_BUSI_with_GT/*/*(1*'}


@pytest.mark.parametrize(('name', 'kind'), [('hc18', 'nnunet'), ('busi', 'coco')])
def test_round_trip_of_real_images(shared_data, tmp_path, name, kind):
    for path in shared_data.glob(REAL[name]):
        if name == 'busi' or path.name < '03':
            copy = tmp_path / 'some' / path.relative_to(shared_data)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    prepare_main([name, str(tmp_path / 'some'), str(tmp_path / name)])
    export(tmp_path / name, tmp_path / 'out', kind)
    prepare('folder', tmp_path / 'out', tmp_path / 'again')
    assert_same(tmp_path / name, tmp_path / 'again')


def test_pycocotools_reads_the_same_masks(prepared, tmp_path):
    out = export(prepared, tmp_path / 'out', 'coco')
    seen = 0
    for split in ('train', 'val', 'test'):
        coco = COCO(out / f'annotations/instances_{split}.json')
        for number, entry in coco.imgs.items():
            mask = np.zeros(SHAPE, np.uint8)
            for annotation in coco.imgToAnns[number]:
                region = coco.annToMask(annotation)
                assert region.sum() == annotation['area']
                assert not (mask[region > 0]).any()
                mask[region > 0] = annotation['category_id']
            with Image.open(prepared / 'masks' / entry['file_name']) as image:
                np.testing.assert_array_equal(mask, np.asarray(image))
            seen += 1
    assert seen == 16
    assert coco.cats[2]['name'] == 'two'


def test_nnunet_folder(prepared, tmp_path, capsys):
    out = export(prepared, tmp_path / 'Dataset501_own', 'nnunet')
    assert 'copy splits_final.json to nnUNet_preprocessed/Dataset501_own' in capsys.readouterr().out
    about = json.loads((out / 'dataset.json').read_text())
    assert about['labels'] == {'background': 0, 'one': 1, 'two': 2}
    assert about['numTraining'] == len(list((out / 'imagesTr').iterdir()))
    [fold] = json.loads((out / 'splits_final.json').read_text())
    for split in ('train', 'val'):
        lines = (prepared / f'splits/seg_{split}.txt').read_text().split()
        assert sorted(fold[split]) == sorted(lines)


def test_left_out_pixels(tmp_path):
    masks = masked_folder(tmp_path / 'own')
    out = tmp_path / 'out'
    prepare('folder', tmp_path / 'own', out, '--classes', 'one', 'two')
    left = masks['casea'].copy()
    left[0, :5] = 255
    Image.fromarray(left).save(out / 'masks/casea.png')
    export(out, tmp_path / 'Dataset007_x', 'nnunet')
    about = json.loads((tmp_path / 'Dataset007_x/dataset.json').read_text())
    assert about['labels']['ignore'] == 3
    again = prepare('folder', tmp_path / 'Dataset007_x', tmp_path / 'again')
    np.testing.assert_array_equal(again['casea'], left)
    with pytest.raises(ValueError, match='pixels of 255, which are left out, and COCO has no such'):
        export(out, tmp_path / 'coco', 'coco')
    assert not (tmp_path / 'coco').exists()


def test_what_cannot_be_exported(prepared, tmp_path):
    with pytest.raises(ValueError, match='is no data set that "usfm prepare" made'):
        export(tmp_path, tmp_path / 'out', 'coco')
    with pytest.raises(FileExistsError, match='is there already'):
        export(prepared, prepared, 'coco')
    shutil.copytree(prepared, tmp_path / 'broken')
    Image.fromarray(np.full(SHAPE, 7, np.uint8)).save(tmp_path / 'broken/masks/p0_a.png')
    with pytest.raises(ValueError, match=r'p0_a.png has the value 7, but only 0 to 2'):
        export(tmp_path / 'broken', tmp_path / 'out', 'coco')
    with pytest.raises(SystemExit):
        main([str(prepared), str(tmp_path / 'out'), '--format', 'yolo'])
