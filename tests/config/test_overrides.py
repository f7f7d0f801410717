"""Changing image size, width and classes of a config, wherever they stand."""

import argparse
import json
from pathlib import Path

import pytest

from usfm_mm.config.image_size import set_image_size
from usfm_mm.config.options import load_config
from usfm_mm.config.parser import config_parser
from usfm_mm.visualization.figures import class_colours

ROOT = Path(__file__).resolve().parents[2]


def load(name, **changes):
    options = dict(data_root=None, image_size=None, arch=None, cfg_options=None)
    config = str(ROOT / 'configs' / name)
    return load_config(argparse.Namespace(config=config, **{**options, **changes}))


def test_image_size_is_replaced_in_data_and_model():
    cfg = load('usfm/seg_custom_upernet.py', image_size=112)
    train = {t['type']: t for t in cfg.train_dataloader.dataset.pipeline}
    test = {t['type']: t for t in cfg.test_dataloader.dataset.pipeline}
    assert train['RandomResize'].scale == train['RandomCrop'].crop_size == (112, 112)
    assert test['Resize'].scale == cfg.model.data_preprocessor.size == (112, 112)
    assert cfg.model.backbone.img_size == 112
    assert '224' not in cfg.pretty_text
    for name in ('usfm/cls_custom_linear.py', 'ablations/pretrain_simmim_us.py'):
        assert '224' not in load(name, image_size=192).pretty_text


@pytest.mark.parametrize(
    ('arch', 'width', 'blocks'),
    [
        ('tiny', 192, [3, 5, 7, 11]),
        ('large', 1024, [7, 11, 15, 23]),
        ('huge', 1280, [9, 15, 20, 31]),
    ],
)
def test_arch_sets_the_widths_that_follow(arch, width, blocks):
    cfg = load('usfm/seg_custom_upernet.py', arch=arch)
    model = cfg.model
    assert (model.backbone.arch, model.backbone.out_indices) == (arch, blocks)
    assert model.neck.embed_dim == model.auxiliary_head.in_channels == width
    assert model.decode_head.in_channels == [width] * 4
    # The heads' own channels keep their ratio to the encoder's: 61 M parameters beside 5.5 M else.
    assert model.decode_head.channels == width
    assert model.auxiliary_head.channels == round(width / 3 / 16) * 16
    assert load('usfm/cls_custom_linear.py', arch=arch).model.head.in_channels == width


def test_a_file_keeps_its_name_and_an_option_its_whole_one(tmp_path, capsys):
    file = tmp_path / 'my lists' / 'USFM,lr=1.txt'
    file.parent.mkdir()
    file.touch()
    words = ['x', '--cfg-options', f'a.ann_file={file}', 'b=1, 2', f'c={file}.gone']
    options = config_parser('').parse_args(words).cfg_options
    assert options['a.ann_file'] == str(file)
    assert options['b'] == [1, 2]
    assert isinstance(options['c'], list)  # as mmengine reads it
    with pytest.raises(SystemExit):
        config_parser('').parse_args(['x', '--cfg-option', 'b=1'])
    assert 'unrecognized arguments: --cfg-option' in capsys.readouterr().err


def test_classes_come_from_the_prepared_data(tmp_path):
    classes = ['background', 'artery', 'liver', 'vein']
    about = dict(seg_classes=classes, cls_classes=['a', 'b', 'c'])
    (tmp_path / 'dataset.json').write_text(json.dumps(about))
    cfg = load('usfm/seg_custom_upernet.py', data_root=str(tmp_path))
    for split in ('train', 'val', 'test'):
        metainfo = cfg[f'{split}_dataloader'].dataset.metainfo
        assert list(metainfo.classes) == classes
        expected = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in class_colours(3)]
        assert [tuple(colour) for colour in metainfo.palette] == [(0, 0, 0), *expected]
    for head in (cfg.model.decode_head, cfg.model.auxiliary_head):
        assert head.num_classes == head.out_channels == 4
    kept = load(
        'usfm/seg_custom_upernet.py', data_root=str(tmp_path), cfg_options=dict(fit_classes=False)
    )
    assert kept.model.decode_head.num_classes == 2
    cfg = load('usfm/cls_custom_linear.py', data_root=str(tmp_path))
    assert cfg.model.head.num_classes == cfg.data_preprocessor.num_classes == 3
    assert cfg.test_dataloader.dataset.metainfo == dict(classes=('a', 'b', 'c'))


def test_classes_stay_without_prepared_data(tmp_path):
    config = tmp_path / 'three.py'
    config.write_text(
        f"_base_ = '{ROOT}/configs/usfm/seg_custom_upernet.py'\n"
        'model = dict(decode_head=dict(num_classes=3, out_channels=3))\n'
    )
    cfg = load(str(config), data_root=str(tmp_path))
    assert cfg.model.decode_head.num_classes == 3


@pytest.mark.parametrize(
    ('name', 'option', 'hint'),
    [
        (
            'usfm/pretrain_3mus.py',
            'optim_wraper.optimizer.lr',
            "has no 'optim_wraper': did you mean optim_wrapper",
        ),
        (
            'usfm/pretrain_3mus.py',
            'data_preprocessor.mean',
            r"has no 'data_preprocessor': did you mean model.data_preprocessor\?",
        ),
        ('usfm/seg_custom_upernet.py', 'chek_data', "'chek_data': did you mean check_data"),
        ('usfm/seg_custom_upernet.py', 'xyzzy.a', r"seg_custom_upernet.py has no 'xyzzy'$"),
    ],
)
def test_misspelt_option_is_refused(name, option, hint):
    with pytest.raises(ValueError, match=f'--cfg-options {option}: .*{hint}'):
        load(name, cfg_options={option: 1})


def test_options_that_a_config_may_lack():
    options = dict(load_from='x.pth', compile=True, sync_bn='torch', check_data=False)
    cfg = load('usfm/pretrain_3mus.py', cfg_options=options)
    assert {key: cfg[key] for key in options} == options
    options = {'data_preprocessor.mean': [1.0, 2.0, 3.0]}  # where the config itself has it
    cfg = load('usfm/cls_custom_linear.py', cfg_options=options)
    assert cfg.data_preprocessor.mean == [1.0, 2.0, 3.0]


def test_what_does_not_fit_is_said(tmp_path):
    with pytest.raises(ValueError, match='--image-size 100 is not a multiple of 16'):
        load('usfm/seg_custom_upernet.py', image_size=100)
    with pytest.raises(ValueError, match='--image-size 240 is not a multiple of 32'):
        load('baselines/seg_monai_dynunet.py', image_size=240)
    with pytest.raises(ValueError, match='--cfg-options data_root: use --data-root'):
        load('usfm/seg_custom_upernet.py', cfg_options=dict(data_root='x'))
    with pytest.raises(ValueError, match='tiny, small, base, large, huge, not giant'):
        load('usfm/seg_custom_upernet.py', arch='giant')
    cfg = load('usfm/seg_custom_upernet.py')
    cfg.pop('image_size')
    with pytest.raises(KeyError, match='has no image_size'):
        set_image_size(cfg, 112)
    (tmp_path / 'dataset.json').write_text(json.dumps(dict(seg_classes=[], cls_classes=['a', 'b'])))
    with pytest.raises(ValueError, match=r'dataset.json: this data set has no masks'):
        load('usfm/seg_custom_upernet.py', data_root=str(tmp_path))
    (tmp_path / 'dataset.json').write_text('{')
    with pytest.raises(ValueError, match=r'dataset.json cannot be read'):
        load('usfm/seg_custom_upernet.py', data_root=str(tmp_path))
