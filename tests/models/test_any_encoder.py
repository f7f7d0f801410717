"""Other people's networks as encoders, against the networks themselves."""

import socket

import pytest
import torch
import torchvision
from torch import nn

from support.plain_vit import DIM, Vit
from support.released_layout import released_feature_maps, released_state_dict
from usfm_mm.models import AnyEncoder
from usfm_mm.models.checkpoints import CheckpointError
from usfm_mm.models.checkpoints.any_weights import load_any

ARCH = dict(embed_dims=DIM, num_layers=4, num_heads=6, feedforward_channels=96)
VIT = dict(type='mmpretrain.VisionTransformer', img_size=64, out_type='featmap')


def images(side=64):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def filled(network, file, **settings):
    init_cfg = dict(type='Pretrained', checkpoint=str(file))
    encoder = AnyEncoder(network, init_cfg=init_cfg, **settings)
    encoder.init_weights()
    return encoder.eval()


@pytest.fixture(scope='module')
def resnet(tmp_path_factory):
    """ImageNet's ResNet-18 as torchvision builds it, with running statistics of some batches."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=5)
    for _ in range(3):
        network(images() * 2 + 1)
    network.eval()
    file = tmp_path_factory.mktemp('resnet') / 'resnet18.pth'
    torch.save(network.state_dict(), file)
    return network, file


NETWORKS = {
    'mmpretrain': dict(type='mmpretrain.ResNet', depth=18),
    'timm': dict(type='usfm_mm.TimmNetwork', name='resnet18'),
}


def built(network, **settings):
    if network['type'] == 'usfm_mm.TimmNetwork':
        pytest.importorskip('timm')
        settings = {k: [i + 1 for i in v] for k, v in settings.items()}  # its first is the stem
    return network | settings


@pytest.mark.parametrize('network', list(NETWORKS.values()), ids=NETWORKS)
class TestResNet:
    def test_vector_is_torchvisions(self, network, resnet):
        expected = nn.Sequential(*list(resnet[0].children())[:-1])(images()).flatten(1)
        (vector,) = filled(built(network), resnet[1], out_type='avg_featmap')(images())
        torch.testing.assert_close(vector, expected, rtol=1e-4, atol=1e-4)

    def test_maps_are_torchvisions(self, network, resnet):
        x = nn.Sequential(*list(resnet[0].children())[:4])(images())
        found = filled(built(network, out_indices=[0, 1, 2, 3]), resnet[1])(images())
        for layer, given in zip(list(resnet[0].children())[4:8], found, strict=True):
            x = layer(x)
            torch.testing.assert_close(given, x, rtol=1e-4, atol=1e-4)

    def test_files_of_something_else_are_refused(self, network, resnet, tmp_path):
        weights, file = resnet[0].state_dict(), tmp_path / 'x.pth'
        cases = {
            'would stay unfilled: layer4.1.bn2.weight': lambda w: w.pop('layer4.1.bn2.weight'),
            'have no place in the network: gate.weight': lambda w: w.update(
                {'gate.weight': torch.ones(1)}
            ),
            'have another shape: conv1.weight is': lambda w: w.update(
                {'conv1.weight': torch.ones(64, 1, 7, 7)}
            ),
        }
        for message, change in cases.items():
            changed = dict(weights)
            change(changed)
            torch.save(changed, file)
            with pytest.raises(CheckpointError, match=message):
                filled(built(network), file)

    def test_whatever_stands_before_the_names(self, network, resnet, tmp_path):
        file = tmp_path / 'x.pth'
        torch.save({'state_dict': {f'module.backbone.{k}': v for k, v in _all(resnet)}}, file)
        (vector,) = filled(built(network), file, out_type='avg_featmap')(images())
        (expected,) = filled(built(network), resnet[1], out_type='avg_featmap')(images())
        assert torch.equal(vector, expected)


def _all(resnet):
    return resnet[0].state_dict().items()


def in_chunks(weights):
    """As DINOv2 saves its teacher while it trains: two chunks of two blocks."""
    names = {f'blocks.{i}.': f'blocks.{i // 2}.{i}.' for i in range(4)}
    for key, value in weights.items():
        start = next((old for old in names if key.startswith(old)), '')
        yield f'backbone.{names.get(start, "")}{key.removeprefix(start)}', value


FILES = {
    'timm, DeiT, TinyUSFM': (dict(classes=3), lambda w: w),
    'MAE, USF-MAE, UltraFedFM': (dict(mae=True), lambda w: dict(model=w, epoch=3)),
    'DINOv2': (dict(scaled=True, patch=14), lambda w: w | dict(mask_token=torch.zeros(1, DIM))),
    'DINOv2 in training, UltraDINO': (
        dict(scaled=True, patch=14),
        lambda w: dict(teacher=dict(in_chunks(w)) | {'dino_head.mlp.0.weight': torch.ones(2, 2)}),
    ),
}


@pytest.mark.parametrize('kind', FILES)
def test_vits_by_their_authors_names(kind, tmp_path):
    settings, wrap = FILES[kind]
    vit, side = Vit(blocks=4, **settings), 4 * settings.get('patch', 16)
    torch.save(wrap(vit.state_dict()), tmp_path / 'vit.pth')
    network = VIT | dict(arch=ARCH, img_size=side, patch_size=side // 4)
    network |= dict(layer_scale_init_value=0.1 if 'scaled' in settings else 0.0)
    (vector,) = filled(network, tmp_path / 'vit.pth', out_type='avg_featmap')(images(side))
    expected = vit(images(side))[:, 1:].mean(1)
    torch.testing.assert_close(vector, expected, rtol=1e-3, atol=1e-3)


def test_simmims_names(tmp_path):
    weights = {f'encoder.{key}': value for key, value in released_state_dict().items()}
    torch.save({'model': weights}, tmp_path / 'simmim.pth')
    arch = dict(embed_dims=48, num_layers=12, num_heads=3, feedforward_channels=96)
    network = dict(type='usfm_mm.USFMViT', arch=arch, img_size=64, out_type='featmap')
    encoder = filled(network | dict(out_indices=[3, 11]), tmp_path / 'simmim.pth')
    expected = released_feature_maps(released_state_dict(), images(), (3, 11))
    for given, right in zip(encoder(images()), expected, strict=True):
        torch.testing.assert_close(given, right, rtol=1e-4, atol=1e-4)


class TestTimm:
    @pytest.fixture(autouse=True)
    def _timm(self):
        self.timm = pytest.importorskip('timm')

    def test_a_vit_is_timms_own_whichever_token_timm_reads(self, tmp_path):
        name = 'vit_tiny_patch16_224'
        own = self.timm.create_model(name, img_size=64).eval()
        torch.save(own.state_dict(), tmp_path / 'vit.pth')
        network = dict(type='usfm_mm.TimmNetwork', name=name, img_size=64)
        (vector,) = filled(network, tmp_path / 'vit.pth', out_type='avg_featmap')(images())
        expected = own.forward_features(images())[:, 1:].mean(1)
        torch.testing.assert_close(vector, expected, rtol=1e-4, atol=1e-5)
        maps = filled(network | dict(out_indices=[3, 11]), tmp_path / 'vit.pth')(images())
        for given, right in zip(maps, own.get_intermediate_layers(images(), [3, 11]), strict=True):
            torch.testing.assert_close(given.flatten(2).transpose(1, 2), right)

    def test_position_embedding_follows_the_image_size(self, tmp_path):
        own = self.timm.create_model('vit_tiny_patch16_224', img_size=96)
        torch.save(own.state_dict(), tmp_path / 'vit.pth')
        network = dict(type='usfm_mm.TimmNetwork', name='vit_tiny_patch16_224', img_size=64)
        encoder = filled(network, tmp_path / 'vit.pth')
        assert encoder.network.model.pos_embed.shape == (1, 17, 192)

    def test_no_network_is_asked(self, monkeypatch):
        def refuse(*_, **__):
            raise AssertionError('a connection was opened')

        monkeypatch.setattr(socket.socket, 'connect', refuse)
        AnyEncoder(dict(type='usfm_mm.TimmNetwork', name='resnet18')).init_weights()
        with pytest.raises(ValueError, match=r'no network .*hf-hub:timm/resnet18'):
            AnyEncoder(dict(type='usfm_mm.TimmNetwork', name='hf-hub:timm/resnet18'))
        with pytest.raises(ValueError, match='did you mean .*resnet18'):
            AnyEncoder(dict(type='usfm_mm.TimmNetwork', name='resnet_18'))

    @pytest.mark.parametrize(
        ('name', 'first', 'last', 'number'),
        [
            ('vit_tiny_patch16_224', 'patch_embed.proj.weight', 'blocks.11.mlp.fc2.bias', 14),
            ('resnet18', 'conv1.weight', 'layer4.1.bn2.bias', 6),
        ],
    )
    def test_depth_is_counted_in_blocks_or_stages(self, name, first, last, number):
        encoder = AnyEncoder(dict(type='usfm_mm.TimmNetwork', name=name, img_size=64))
        start = 'backbone.network.model.'
        assert encoder.get_layer_depth(start + first, 'backbone.') == (0, number)
        assert encoder.get_layer_depth(start + last, 'backbone.') == (number - 2, number)
        assert encoder.get_layer_depth('head.fc.weight', 'backbone.') == (number - 1, number)


def test_frozen_learns_nothing():
    network = VIT | dict(arch=ARCH)
    encoder = AnyEncoder(network, 'avg_featmap', frozen=True).train()
    assert not any(part.training for part in encoder.modules())
    assert not any(weight.requires_grad for weight in encoder.parameters())
    assert not encoder(images())[0].requires_grad
    learning = AnyEncoder(network, 'avg_featmap').train()
    assert learning(images())[0].requires_grad
    with pytest.raises(ValueError, match='out_type must be'):
        AnyEncoder(network, 'raw')


def test_a_network_without_depths_learns_at_one_rate():
    encoder = AnyEncoder(dict(type='mmpretrain.ResNet', depth=18))
    assert encoder.get_layer_depth('backbone.network.conv1.weight', 'backbone.') == (0, 1)


def test_a_file_that_holds_no_weights(tmp_path):
    torch.save({'epoch': 3}, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match='holds no state dict'):
        load_any(torchvision.models.resnet18(), str(tmp_path / 'x.pth'))
