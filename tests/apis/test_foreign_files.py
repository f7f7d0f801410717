"""Files that are no model of ours, or older ones: told what they are, with what to do."""

import numpy as np
import pytest
import torch
from safetensors import safe_open

from usfm_mm.apis import load_model
from usfm_mm.io.card import CARD_KEY, Card
from usfm_mm.models import USFMViT
from usfm_mm.models.checkpoints.files import CheckpointError, load_file
from usfm_mm.models.checkpoints.publishing import publish

ARCH = dict(embed_dims=24, num_layers=2, num_heads=3, feedforward_channels=48)


def encoder_weights():
    return {f'backbone.{k}': v for k, v in USFMViT(ARCH, 64, in_channels=1).state_dict().items()}


def test_weights_of_another_network_are_no_older_file_of_ours(tmp_path):
    weights = {'conv1.weight': torch.zeros(4, 3, 7, 7), 'layer1.0.bn1.weight': torch.ones(4)}
    for old in (True, False):
        torch.save(weights, tmp_path / 'resnet.pth', _use_new_zipfile_serialization=not old)
        with pytest.raises(
            CheckpointError, match=r'resnet\.pth has no card, and is no file of'
        ) as e:
            load_model(tmp_path / 'resnet.pth')
        assert "begins with ['conv1.weight', 'layer1.0.bn1.weight']" in str(e.value)
        assert 'Name a checkpoint of "usfm train" or a file of "usfm publish"' in str(e.value)
        assert str(e.value).count('resnet.pth') == 1


def test_an_encoder_alone_is_told_what_takes_it(tmp_path):
    torch.save({'state_dict': encoder_weights()}, tmp_path / 'encoder.pth')
    with pytest.raises(CheckpointError, match='encoder alone, in the layout mmpretrain.*--weights'):
        load_model(tmp_path / 'encoder.pth')


def test_a_checkpoint_of_openmmlab_is_told_so(tmp_path):
    content = {'state_dict': encoder_weights(), 'meta': {'mmengine_version': '0.10.7'}}
    torch.save(content, tmp_path / 'mm.pth')
    with pytest.raises(CheckpointError, match='of OpenMMLab and has no card.*"usfm test"'):
        load_model(tmp_path / 'mm.pth')


def test_something_else_is_said_without_pytorch_s_advice(tmp_path):
    (tmp_path / 'junk.pth').write_bytes(b'x' * 300)
    with pytest.raises(CheckpointError, match='Download or copy it again') as error:
        load_model(tmp_path / 'junk.pth')
    assert 'weights_only' not in str(error.value)
    assert 'Weights only' not in str(error.value)


def test_what_was_published_in_half_precision_stays_so(tmp_path):
    weights = encoder_weights()
    card = Card('pretrain', ARCH, (64, 64), 1, [1.0], [2.0], config=dict(model={}))
    torch.save({'state_dict': weights, 'meta': {CARD_KEY: card.to_dict()}}, tmp_path / 'a.pth')
    files = [tmp_path / f'{name}.safetensors' for name in ('half', 'again', 'whole', 'whole2')]
    publish(tmp_path / 'a.pth', files[0], half=True)
    publish(files[0], files[1])
    publish(tmp_path / 'a.pth', files[2])
    publish(files[2], files[3])
    for first, second in (files[:2], files[2:]):
        expected = tensors(first)
        found = tensors(second)
        assert found.keys() == expected.keys()
        assert all(found[name].dtype == expected[name].dtype for name in found)
        assert all(np.array_equal(found[name], expected[name]) for name in found)
    types = {array.dtype.name for name, array in tensors(files[1]).items() if array.ndim > 1}
    assert types == {'float16', 'int64'}  # the index of the bias is of whole numbers
    assert load_file(files[1])['state_dict']['backbone.layers.0.ln1.weight'].dtype == torch.float32


def tensors(path):
    with safe_open(path, 'np') as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
