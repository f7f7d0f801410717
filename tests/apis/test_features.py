"""Features of images through the public functions."""

import json
import logging

import cv2
import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from usfm_mm.apis import Encoder, FeatureExtractor, extract_features, load_backbone, similar
from usfm_mm.inference.feature_space import KINDS
from usfm_mm.inference.features import FeatureTable, write_features
from usfm_mm.models import USFMPretrainer, USFMViT
from usfm_mm.models.features import extractor_of

ARCH = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)


def vit(channels: int = 1, **kwargs) -> USFMViT:
    torch.manual_seed(0)
    settings = dict(arch=ARCH, img_size=64, in_channels=channels, out_type='featmap')
    backbone = USFMViT(**{**settings, 'final_norm': True, **kwargs})
    backbone.init_weights()
    return backbone


def moments(maps: torch.Tensor) -> np.ndarray:
    """Mean and standard deviation of maps [B, D, h, w] over the patches, [B, 2 D], in NumPy."""
    tokens = maps.double().flatten(2).numpy()
    return np.concatenate([tokens.mean(2), tokens.std(2)], axis=1)


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    files = [tmp_path / f'bild ä{n}.png' for n in range(3)]
    for file in files:
        file.write_bytes(cv2.imencode('.png', rng.integers(0, 256, (50, 70), np.uint8))[1])
    return files


def test_equal_to_the_steps_one_by_one(paths):
    encoder = Encoder(vit(), [60.0], [40.0], (64, 96))
    features = extract_features(encoder, paths, batch_size=2)
    assert features.shape == (3, 96)
    assert features.dtype == np.float32
    image = cv2.imdecode(np.fromfile(paths[2], np.uint8), cv2.IMREAD_GRAYSCALE)
    image = cv2.resize(image, (96, 64), interpolation=cv2.INTER_LINEAR)  # enlarged
    inputs = (torch.from_numpy(image)[None, None].float() - 60) / 40
    with torch.no_grad():
        expected = encoder.backbone.eval()(inputs)[0]
    np.testing.assert_allclose(features[2], moments(expected)[0], atol=1e-5)
    mean = Encoder(encoder.backbone, [60.0], [40.0], (64, 96), 'mean')
    np.testing.assert_array_equal(extract_features(mean, paths, batch_size=2), features[:, :48])
    assert (encoder.features, mean.features) == ('mean+std', 'mean')


def test_vectors_are_returned_as_they_are(paths):
    backbone = vit(out_type='cls_token')
    encoder = Encoder(backbone, [0.0], [255.0], (64, 64))
    assert encoder.features == 'mean'
    image = np.full((64, 64), 51, np.uint8)
    features = extract_features(encoder, [image])
    with torch.no_grad():
        expected = backbone.eval()(torch.full((1, 1, 64, 64), 0.2))[0]
    np.testing.assert_allclose(features, expected.numpy(), atol=1e-6)
    with pytest.raises(ValueError, match='out_type'):
        extract_features(Encoder(vit(out_type='raw'), [0.0], [1.0], (64, 64)), [image])


def test_channels(paths):
    grey = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    three = Encoder(vit(3), [100.0] * 3, [50.0] * 3, (64, 64))
    one = Encoder(vit(1), [100.0], [50.0], (64, 64))
    colour = np.stack([grey] * 3, axis=-1)
    for encoder in (one, three):
        np.testing.assert_allclose(
            extract_features(encoder, [grey]), extract_features(encoder, [colour]), atol=1e-6
        )
    np.testing.assert_array_equal(one.prepare(colour)[0], grey)
    for bad in (grey.astype(np.float32), np.zeros((8, 8, 4), np.uint8), np.zeros(8, np.uint8)):
        with pytest.raises(ValueError, match='images must'):
            one.prepare(bad)


def test_modes_are_restored_and_no_gradient_kept(paths):
    backbone = vit(drop_path_rate=0.5).train()
    backbone.layers[0].eval()
    encoder = Encoder(backbone, [0.0], [255.0], (64, 64))
    first, second = (extract_features(encoder, paths) for _ in range(2))
    np.testing.assert_array_equal(first, second)  # eval mode: no stochastic depth
    assert backbone.training
    assert backbone.layers[1].training
    assert not backbone.layers[0].training


def test_bad_input(paths, tmp_path):
    encoder = Encoder(vit(), [0.0], [255.0], (64, 64))
    with pytest.raises(FileNotFoundError, match=r'nowhere\.png'):
        extract_features(encoder, [tmp_path / 'nowhere.png'])
    (tmp_path / 'text.png').write_text('no image')
    with pytest.raises(ValueError, match=r'text\.png is not an image'):
        extract_features(encoder, [tmp_path / 'text.png'])
    with pytest.raises(ValueError, match='no images'):
        extract_features(encoder, [])


def test_images_in_any_form(paths, tmp_path):
    encoder = FeatureExtractor(vit(), [60.0], [40.0], (64, 64))
    expected = extract_features(encoder, [str(path) for path in paths])
    (tmp_path / 'notes.txt').write_text('no image')
    (tmp_path / 'deeper').mkdir()
    stack = np.stack([cv2.imdecode(np.fromfile(p, np.uint8), cv2.IMREAD_GRAYSCALE) for p in paths])
    colours = np.stack([stack] * 3, axis=-1)
    for images in (tmp_path, str(tmp_path), stack, stack[..., None], colours, iter(paths)):
        np.testing.assert_allclose(extract_features(encoder, images), expected, atol=1e-6)
    for image in (paths[1], str(paths[1]), stack[1], colours[1], stack[1][..., None]):
        np.testing.assert_allclose(extract_features(encoder, image), expected[1:2], atol=1e-6)
    with pytest.raises(ValueError, match='deeper holds no images'):
        extract_features(encoder, tmp_path / 'deeper')
    with pytest.raises(FileNotFoundError, match='image nowhere does not exist'):
        extract_features(encoder, 'nowhere')


def test_samples_of_16_bits_are_scaled_by_what_the_folder_uses(paths, tmp_path):
    encoder = FeatureExtractor(vit(), [60.0], [40.0], (64, 64))
    expected = extract_features(encoder, tmp_path)
    deep = tmp_path / 'deep'
    deep.mkdir()
    for path in paths:  # 12 bits: 255 is 4095
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
        pixels = np.rint(pixels * np.float64(4095 / 255)).astype(np.uint16)
        (deep / path.name).write_bytes(cv2.imencode('.png', pixels)[1])
    np.testing.assert_allclose(extract_features(encoder, deep), expected, atol=1e-6)


def save(path, backbone, **content):
    state = {f'backbone.{key}': value for key, value in backbone.state_dict().items()}
    torch.save(dict(state_dict=state, **content), path)
    return str(path)


@pytest.mark.parametrize('place', ['model.data_preprocessor', 'data_preprocessor'])
@pytest.mark.parametrize('channels', [1, 3])
def test_our_file_tells_its_normalisation_and_size(tmp_path, place, channels):
    mean, std = [55.0 + i for i in range(channels)], [44.0] * channels
    told = {place: json.dumps(dict(mean=mean, std=std)), 'image_size': '96'}
    path = save(tmp_path / 'ours.pth', vit(channels), meta=dict(trained_with=told))
    encoder = load_backbone(path)
    assert (list(encoder.mean), list(encoder.std), encoder.size) == (mean, std, (96, 96))
    given = load_backbone(path, mean=[1.0] * channels, std=[2.0] * channels, img_size=(64, 32))
    assert (given.mean[0], given.std[0], given.size) == (1.0, 2.0, (64, 32))


def test_size_is_that_of_the_tables_where_nothing_tells(tmp_path):
    path = save(tmp_path / 'a.pth', vit(3, img_size=(112, 64)))
    assert load_backbone(path).size == (112, 64)


def test_the_file_is_read_once(tmp_path, monkeypatch):
    path, reads = save(tmp_path / 'a.pth', vit(3)), []
    load = torch.load
    monkeypatch.setattr(torch, 'load', lambda *args, **kw: reads.append(1) or load(*args, **kw))
    load_backbone(path)
    assert len(reads) == 1


@pytest.mark.parametrize('out_type', ['avg_featmap', 'featmap'])
def test_a_fine_tuned_model_gives_its_features(tmp_path, out_type):
    tuned = vit(3, out_type=out_type, final_norm=False)
    for parameter in tuned.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape))
    path = save(tmp_path / 'tuned.pth', tuned)
    encoder = load_backbone(path)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    expected = FeatureExtractor(tuned.eval(), encoder.mean, encoder.std, (64, 64))(images)
    torch.testing.assert_close(encoder(images), expected)


@pytest.mark.parametrize('channels', [1, 3])
def test_load_backbone_finds_the_architecture(paths, tmp_path, channels):
    backbone = vit(channels)
    state = {f'backbone.{key}': value for key, value in backbone.state_dict().items()}
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'model.pth')
    given = dict(mean=[60.0], std=[40.0]) if channels == 1 else {}
    encoder = load_backbone(str(tmp_path / 'model.pth'), img_size=64, **given)
    mean, std = (
        ([60.0], [40.0]) if channels == 1 else ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    )
    assert not any(parameter.requires_grad for parameter in encoder.backbone.parameters())
    expected = extract_features(Encoder(backbone, mean, std, (64, 64)), paths)
    np.testing.assert_allclose(extract_features(encoder, paths), expected, atol=1e-6)
    with pytest.raises(ValueError, match='give mean and std'):
        load_backbone(str(tmp_path / 'model.pth'), mean=[1.0, 2.0], std=[1.0, 2.0])


def test_load_backbone_says_what_was_loaded_and_nothing_else(tmp_path):
    state = {f'backbone.{key}': value for key, value in vit().state_dict().items()}
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'model.pth')
    messages = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        load_backbone(str(tmp_path / 'model.pth'), img_size=64, mean=[60.0], std=[40.0])
    finally:
        logger.removeHandler(handler)
    (report,) = messages
    assert report.startswith(f'Loaded {tmp_path / "model.pth"}\n')


def test_load_backbone_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        load_backbone(str(tmp_path / 'nowhere.pth'))
    state = {f'backbone.{key}': value for key, value in vit().state_dict().items()}
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'model.pth')
    with pytest.raises(ValueError, match='1 channel'):
        load_backbone(str(tmp_path / 'model.pth'), img_size=64)


def test_encoder_of_a_model_takes_its_normalisation():
    model = USFMPretrainer(
        backbone=dict(
            type='usfm_mm.USFMViT', arch=ARCH, img_size=(64, 32), in_channels=1, out_type='featmap'
        ),
        data_preprocessor=dict(type='usfm_mm.DualMaskDataPreprocessor', mean=[60.0], std=[40.0]),
    )
    encoder = extractor_of(model)
    assert encoder.backbone is model.backbone
    assert encoder.mean == pytest.approx([60.0])
    assert encoder.std == pytest.approx([40.0])
    assert encoder.size == (64, 32)
    images = torch.randint(0, 256, (2, 1, 64, 32), dtype=torch.uint8)
    inputs = model.data_preprocessor(dict(inputs=images))['inputs']
    with torch.no_grad():
        expected = moments(model.eval().backbone(inputs)[0])
        np.testing.assert_allclose(encoder(images).numpy(), expected, atol=1e-5)


def test_similar_images_of_a_file(paths, tmp_path):
    encoder = FeatureExtractor(vit(), [60.0], [40.0], (64, 64))
    vectors = extract_features(encoder, paths)
    file = tmp_path / 'features.parquet'
    about = dict(features='mean+std')
    write_features(file, FeatureTable(vectors, [str(path) for path in paths], [0] * 3, about))
    standard = (vectors - vectors.mean(0)) / vectors.std(0)
    unit = standard / np.linalg.norm(standard, axis=1, keepdims=True)
    found = similar(encoder, paths[1:], file, k=2)
    assert [neighbours[0].source for neighbours in found] == [str(path) for path in paths[1:]]
    assert found[0][0].cosine == pytest.approx(1, abs=1e-6)
    assert found[0][1].cosine == pytest.approx(max(unit[1] @ unit[0], unit[1] @ unit[2]), abs=1e-5)


def test_a_file_of_other_features_is_refused(paths, tmp_path):
    """Files from before the change have no note, and hold the mean."""
    encoder = FeatureExtractor(vit(), [60.0], [40.0], (64, 64))
    mean = FeatureExtractor(encoder.backbone, [60.0], [40.0], (64, 64), 'mean')
    sources = [str(path) for path in paths]
    old, new = tmp_path / 'old.npz', tmp_path / 'new.parquet'
    write_features(old, FeatureTable(extract_features(mean, paths), sources, [0] * 3))
    about = dict(features='mean+std')
    write_features(new, FeatureTable(extract_features(encoder, paths), sources, [0] * 3, about))
    assert similar(mean, paths[0], old, k=1)[0][0].source == sources[0]
    assert similar(encoder, paths[0], new, k=1)[0][0].source == sources[0]
    with pytest.raises(ValueError, match=r"features of 48 numbers, .* 96: .*features='mean'"):
        similar(encoder, paths[0], old)
    with pytest.raises(ValueError, match=r"features 'mean\+std', .*features='mean\+std'"):
        similar(mean, paths[0], new)


def test_load_backbone_gives_the_mean_alone_where_asked(paths, tmp_path):
    path = save(tmp_path / 'model.pth', vit(3))
    both, mean = (extract_features(load_backbone(path, features=f), paths) for f in KINDS)
    np.testing.assert_array_equal(mean, both[:, :48])
    with pytest.raises(ValueError, match="features='max': must be one of"):
        load_backbone(path, features='max')
