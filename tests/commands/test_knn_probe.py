"""k-NN on frozen features against the whole chain written anew in float64."""

import csv
import json
from importlib import import_module

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from usfm_mm.apis import extract_features, load_backbone
from usfm_mm.compat import quiet_imports
from usfm_mm.models import USFMViT
from usfm_mm.registry import MODELS

sklearn_metrics = pytest.importorskip('sklearn.metrics')
from usfm_mm.evaluation.knn import classifier_features

CLASSES = ('benign', 'malignant', 'normal')
CONFIG = """
default_scope = 'mmpretrain'
data_root = '{root}'
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(num_classes=3, mean=[100.0] * 3, std=[50.0] * 3, to_rgb=True),
    backbone=dict(
        type='usfm_mm.USFMViT',
        arch=dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48),
        img_size=32,
        drop_path_rate=0.5,
    ),
    head=dict(type='LinearClsHead', in_channels=24, num_classes=3),
)
data = dict(
    type='CustomDataset',
    data_root=data_root,
    data_prefix='images',
    metainfo=dict(classes={classes}),
    with_label=True,
)
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
train_dataloader = dict(
    batch_size=5,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='RepeatDataset',
        times=3,
        dataset=dict(
            ann_file='splits/cls_train.txt',
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='RandomErasing', erase_prob=1.0, mode='rand'),
                dict(type='PackInputs'),
            ],
            **data,
        ),
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file='splits/cls_test.txt', pipeline=test_pipeline, **data),
)
test_evaluator = dict(type='Accuracy')
test_cfg = dict()
"""


@pytest.fixture
def tool():
    return import_module('usfm_mm.commands.knn_probe')


@pytest.fixture
def config(tmp_path):
    """30 training and 17 test images; stripes of a class-dependent width under much noise."""
    (tmp_path / 'images').mkdir()
    (tmp_path / 'splits').mkdir()
    rng = np.random.default_rng(0)
    for split, count in (('train', 30), ('test', 17)):
        lines = []
        for n in range(count):
            label = int(rng.integers(3))
            stripes = 60 * ((np.arange(32) // (2 + 3 * label)) % 2)
            image = 60 + stripes + rng.normal(0, 150, (32, 32))
            cv2.imwrite(
                str(tmp_path / 'images' / f'{split}{n}.png'), image.clip(0, 255).astype(np.uint8)
            )
            lines.append(f'{split}{n}.png {label}\n')
        (tmp_path / 'splits' / f'cls_{split}.txt').write_text(''.join(lines))
    file = tmp_path / 'tiny.py'
    file.write_text(CONFIG.format(root=tmp_path, classes=CLASSES))
    return file


@pytest.fixture
def checkpoint(config, tmp_path):
    """A backbone's weights, with bias tables and norms that are not at their start."""
    quiet_imports()
    init_default_scope('mmpretrain')
    torch.manual_seed(3)
    model = MODELS.build(Config.fromfile(config).model)
    model.init_weights()
    for parameter in model.backbone.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    file = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=model.state_dict()), file)
    return file, model.backbone.double().eval()


def expected(root, backbone, k, asked='test'):
    """Labels and class scores, of files, backbone and formulas alone."""
    vectors, labels = {}, {}
    for split in ('train', asked):
        lines = (root / 'splits' / f'cls_{split}.txt').read_text().split('\n')[:-1]
        images = [
            cv2.imread(str(root / 'images' / line.split()[0]), cv2.IMREAD_GRAYSCALE)
            for line in lines
        ]
        batch = torch.from_numpy((np.stack(images).astype(np.float64) - 100) / 50)
        with torch.no_grad():
            found = backbone(batch[:, None].expand(-1, 3, -1, -1))[-1].numpy()
        vectors[split] = found
        labels[split] = np.array([int(line.split()[1]) for line in lines])
    mean, std = vectors['train'].mean(0), vectors['train'].std(0)
    for split, found in vectors.items():
        standard = (found - mean) / std
        vectors[split] = standard / np.linalg.norm(standard, axis=1, keepdims=True)
    distance = 1 - vectors[asked] @ vectors['train'].T
    scores = np.zeros((len(distance), 3))
    for row, per_image in zip(scores, distance, strict=True):
        for n in np.argsort(per_image)[:k]:
            row[labels['train'][n]] += 1 / per_image[n]
    return labels[asked], scores / scores.sum(1, keepdims=True)


@pytest.mark.parametrize('k', [1, 7])
def test_whole_chain_against_float64(tool, config, checkpoint, tmp_path, k):
    file, backbone = checkpoint
    out = tmp_path / 'out'
    tool.main([str(config), str(file), '--k', str(k), '--work-dir', str(out)])
    truth, scores = expected(tmp_path, backbone, k)
    prediction = scores.argmax(1)

    rows = {
        row['image'].rsplit('/')[-1]: row
        for row in csv.DictReader((out / 'knn' / 'per_image.csv').open())
    }
    assert len(rows) == 17
    for n, (label, score) in enumerate(zip(truth, scores, strict=True)):
        row = rows[f'test{n}.png']
        assert row['truth'] == CLASSES[label]
        found = [float(row[f'score_{name}']) for name in CLASSES]
        # float32 features: 1e-7 of a cosine, relative to distances of some 1e-2
        np.testing.assert_allclose(found, score, atol=1e-3)

    summary = json.loads((out / 'knn' / 'summary.json').read_text())
    macro = dict(average='macro', zero_division=0)
    reference = dict(
        ACC=sklearn_metrics.accuracy_score(truth, prediction),
        Recall=sklearn_metrics.recall_score(truth, prediction, **macro),
        PREC=sklearn_metrics.precision_score(truth, prediction, **macro),
        F1=sklearn_metrics.f1_score(truth, prediction, **macro),
        MCC=sklearn_metrics.matthews_corrcoef(truth, prediction),
    )
    for name, value in reference.items():
        assert summary['metrics'][name] == pytest.approx(100 * value), name
        assert summary['metrics'][f'{name}_std'] > 0
    assert (
        0.3 < reference['ACC'] < 1
    )  # neither trivial nor chance: the numbers above mean something
    assert (summary['k'], summary['train_images'], summary['images']) == (k, 30, 17)
    assert summary['checkpoint'] == str(file)
    assert summary['feature_size'] == 24


def test_validation_images_are_asked_about_and_those_of_the_test_are_not_looked_for(
    tool, config, checkpoint, tmp_path
):
    splits = tmp_path / 'splits'
    (splits / 'cls_test.txt').rename(splits / 'cls_val.txt')
    val = """
val_dataloader = dict(test_dataloader, dataset=dict(test_dataloader['dataset'], ann_file='{file}'))
"""
    config.write_text(config.read_text() + val.format(file='splits/cls_val.txt'))
    out = tmp_path / 'out'
    tool.main([str(config), str(checkpoint[0]), '--split', 'val', '--work-dir', str(out)])
    truth, scores = expected(tmp_path, checkpoint[1], 20, 'val')
    told = json.loads((out / 'knn' / 'summary.json').read_text())
    assert told['split'] == 'val'
    assert told['metrics']['ACC'] == pytest.approx(100 * (scores.argmax(1) == truth).mean())


def test_maps_become_the_features_of_extract_features(tool, config, tmp_path):
    """As the page on features says: out_type=featmap asks for them."""
    torch.manual_seed(4)
    arch = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
    backbone = USFMViT(arch=arch, img_size=32, out_type='featmap', final_norm=True)
    backbone.init_weights()
    backbone.ln1.weight.data.mul_(torch.rand(24))
    state = {f'backbone.{key}': value for key, value in backbone.state_dict().items()}
    torch.save(dict(state_dict=state), tmp_path / 'pretrained.pth')
    quiet_imports()
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(config)
    cfg.model.backbone.update(out_type='featmap', final_norm=True)
    model = tool.build_model(cfg, str(tmp_path / 'pretrained.pth'))
    _, test = tool.build_loaders(cfg)
    found = classifier_features(model, test)
    settings = dict(mean=[100.0] * 3, std=[50.0] * 3, img_size=32)
    encoder = load_backbone(str(tmp_path / 'pretrained.pth'), arch=arch, **settings)
    assert found.features.shape == (17, 48)
    np.testing.assert_allclose(found.features, extract_features(encoder, found.paths), atol=1e-5)


def test_random_weights_are_the_seeds(tool, config, checkpoint, tmp_path, capsys):
    options = ['--k', '3', '--cfg-options', 'model.backbone.init_cfg=None']
    tables = []
    for name in ('a', 'b'):
        tool.main([str(config), '--work-dir', str(tmp_path / name), *options])
        tables.append((tmp_path / name / 'knn' / 'per_image.csv').read_text())
    assert tables[0] == tables[1]
    assert json.loads((tmp_path / 'a/knn/summary.json').read_text())['checkpoint'] is None
    assert '3-NN, 30 training and 17 test images' in capsys.readouterr().out
    tool.main([str(config), str(checkpoint[0]), '--work-dir', str(tmp_path / 'c'), '--k', '3'])
    assert (tmp_path / 'c' / 'knn' / 'per_image.csv').read_text() != tables[0]


@pytest.mark.parametrize('fails', [False, True])
def test_a_cost_that_cannot_be_counted_costs_no_result(tool, config, tmp_path, monkeypatch, fails):
    def counter():
        raise RuntimeError('no counter for this network')

    if fails:
        monkeypatch.setattr('usfm_mm.evaluation.cost.count_flops', counter)
    options = ['--k', '3', '--cost', '--cfg-options', 'model.backbone.init_cfg=None']
    tool.main([str(config), '--work-dir', str(tmp_path / 'a'), *options])
    folder = tmp_path / 'a' / 'knn'
    assert 'F1' in json.loads((folder / 'summary.json').read_text())['metrics']
    assert (folder / 'cost.json').exists() != fails
    text = 'the cost cannot be measured: RuntimeError: no counter for this network'
    assert (folder / 'knn.log').read_text().count(text) == fails


def test_weights_of_another_backbone_are_loaded_whole(tool, config, tmp_path):
    """A baseline's checkpoint is its whole model's; one that lacks a weight is an error."""
    text = config.read_text()
    start, end = text.index('    backbone=dict('), text.index('    head=dict(')
    baseline = "    backbone=dict(type='ResNet', depth=18),\n"
    baseline += "    neck=dict(type='GlobalAveragePooling'),\n"
    config.write_text(
        text[:start] + baseline + text[end:].replace('in_channels=24', 'in_channels=512')
    )
    quiet_imports()
    init_default_scope('mmpretrain')
    torch.manual_seed(5)
    model = MODELS.build(Config.fromfile(config).model)
    weights = model.state_dict()
    file = tmp_path / 'resnet.pth'
    torch.save(dict(state_dict=weights), file)
    built = tool.build_model(Config.fromfile(config), str(file))
    assert not built.training
    for name, value in built.state_dict().items():
        assert torch.equal(value.cpu(), weights[name]), name
    del weights['backbone.conv1.weight']
    torch.save(dict(state_dict=weights), file)
    with pytest.raises(RuntimeError, match='backbone.conv1.weight'):
        tool.build_model(Config.fromfile(config), str(file))


def test_few_neighbours_and_overlap_stop_early(tool, config, tmp_path):
    out = ['--work-dir', str(tmp_path / 'out')]
    with pytest.raises(ValueError, match='only 30 training images'):
        tool.main([str(config), '--k', '31', *out])
    lines = (tmp_path / 'splits' / 'cls_test.txt').read_text() + 'train4.png 1\n'
    (tmp_path / 'splits' / 'cls_test.txt').write_text(lines)
    with pytest.raises(ValueError, match=r'share images \(1, such as .*train4\.png\)'):
        tool.main([str(config), '--k', '3', *out])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('name', 'scope'), [('seg_custom_upernet', 'mmseg'), ('enhance_custom_cyclegan', 'mmagic')]
)
def test_configs_of_other_tasks_are_refused_at_the_start(tool, tmp_path, name, scope):
    with pytest.raises(ValueError, match=f'{name}.py is a config of {scope}, but k-NN needs'):
        tool.main([f'configs/usfm/{name}.py', '--work-dir', str(tmp_path / 'out')])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('arguments', 'message'), [(['--k', '0'], '--k must'), (['x'], 'no such')])
def test_bad_arguments(tool, config, capsys, arguments, message):
    with pytest.raises(SystemExit):
        tool.main([str(config), *arguments])
    assert message in capsys.readouterr().err
