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
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[2].read_bytes() == files[3].read_bytes()
    with safe_open(files[1], 'np') as file:
        types = {file.get_tensor(name).dtype for name in weights if weights[name].ndim > 1}
    assert np.dtype('float16') in types
    assert np.dtype('float32') not in types
    assert load_file(files[1])['state_dict']['backbone.layers.0.ln1.weight'].dtype == torch.float32
