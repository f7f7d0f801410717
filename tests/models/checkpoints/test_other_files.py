"""Files of other kinds and of other people: read, or refused as what they are."""

import io
import zipfile

import pytest
import torch
from mmpretrain.models import VisionTransformer
from torch import nn

from support.plain_vit import BLOCKS, DIM, HEADS, Vit
from support.released_layout import ARCH, released_feature_maps, released_state_dict
from usfm_mm.apis import load_backbone
from usfm_mm.commands.convert_checkpoint import main as convert
from usfm_mm.models import USFMViT
from usfm_mm.models.checkpoints import CheckpointError, load_pretrained, read_checkpoint
from usfm_mm.models.checkpoints.reading import parse_checkpoint

can_ignore = hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')


def images(side=64):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


FILES = {
    'timm': lambda: Vit(classes=3).state_dict(),
    'tinyusfm': lambda: {f'model.{k}': v for k, v in Vit(classes=3).state_dict().items()},
    'mae': lambda: dict(model=Vit(mae=True).state_dict(), epoch=3),  # UltraFedFM, USF-MAE
}


@pytest.mark.parametrize('kind', FILES)
class TestViT:
    def file(self, kind, tmp_path):
        torch.save(FILES[kind](), tmp_path / 'vit.pth')
        return str(tmp_path / 'vit.pth')

    def test_recognised(self, kind, tmp_path):
        checkpoint = read_checkpoint(self.file(kind, tmp_path))
        assert checkpoint.layout == ('mae' if kind == 'mae' else 'timm')
        assert checkpoint.arch == dict(num_layers=2, embed_dims=48, feedforward_channels=96)

    def test_loaded_by_name_into_the_host(self, kind, tmp_path):
        """Directly, and with the host's own loading after conversion: the same outputs."""
        path, converted = self.file(kind, tmp_path), str(tmp_path / 'mm.pth')
        convert([path, converted, '--to', 'mmpretrain'])
        settings = dict(
            arch=dict(embed_dims=DIM, num_layers=BLOCKS, num_heads=HEADS, feedforward_channels=96),
            img_size=64,
            out_type='raw',
        )
        ours = VisionTransformer(**settings)
        report = load_pretrained(ours, path)
        assert not report.fresh
        pretrained = dict(type='Pretrained', checkpoint=converted, prefix='backbone')
        host = VisionTransformer(**settings, init_cfg=pretrained)
        host.init_weights()
        expected = Vit()(images())
        for model in (ours, host):
            model.eval()
            torch.testing.assert_close(model(images())[0], expected, rtol=1e-4, atol=1e-4)

    def test_position_embedding_of_another_size(self, kind, tmp_path):
        model = VisionTransformer('deit-t', img_size=96, out_type='raw')
        with pytest.raises(CheckpointError, match='have another shape'):
            load_pretrained(model, self.file(kind, tmp_path))
        arch = dict(embed_dims=DIM, num_layers=BLOCKS, num_heads=HEADS, feedforward_channels=96)
        model = VisionTransformer(arch, img_size=96)
        report = load_pretrained(model, self.file(kind, tmp_path))
        assert report.resized == {'pos_embed': 'resized from 4x4 to 6x6 patches'}
        assert torch.equal(model.pos_embed[:, 0], Vit().pos_embed[:, 0])

    def test_features(self, kind, tmp_path):
        path = self.file(kind, tmp_path)
        with pytest.raises(CheckpointError, match=r'number of heads: give arch=dict\(num_heads'):
            load_backbone(path)
        encoder = load_backbone(path, arch=dict(num_heads=HEADS), features='mean')
        assert encoder.size == (64, 64)
        pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (encoder.mean, encoder.std))
        expected = Vit()((pixels - mean) / std)[:, 1:].mean(1)
        torch.testing.assert_close(encoder(pixels), expected, rtol=1e-3, atol=1e-3)

    def test_a_beit_does_not_take_it(self, kind, tmp_path):
        with pytest.raises(CheckpointError, match=r'absolute position embedding.*VisionTransf'):
            load_pretrained(USFMViT(ARCH, 64), self.file(kind, tmp_path))
        with pytest.raises((ValueError, OSError), match='convert to mmpretrain'):
            convert([self.file(kind, tmp_path), str(tmp_path / 'x.pth'), '--to', 'usfm'])


def test_a_vit_does_not_take_a_beit(tmp_path):
    torch.save(released_state_dict(), tmp_path / 'usfm.pth')
    with pytest.raises(CheckpointError, match=r'is a BEiT.*usfm_mm\.USFMViT'):
        load_pretrained(VisionTransformer('deit-t', 64), str(tmp_path / 'usfm.pth'))


class TestPrefixes:
    @pytest.mark.parametrize(
        'prefix',
        ['module.', '_orig_mod.', 'model.', 'module._orig_mod.', 'module.model.', 'net.trunk.'],
    )
    @pytest.mark.parametrize('names', ['usfm', 'mmpretrain'])
    def test_what_wrappers_add(self, prefix, names):
        weights = released_state_dict()
        if names == 'mmpretrain':
            weights = parse_checkpoint(weights).encoder
        checkpoint = parse_checkpoint({prefix + key: v for key, v in weights.items()})
        assert checkpoint.encoder.keys() == parse_checkpoint(released_state_dict()).encoder.keys()
        assert checkpoint.window == (4, 4)
        assert not checkpoint.others

    def test_blocks_compiled_one_by_one(self):
        weights = parse_checkpoint(released_state_dict()).encoder
        compiled = {k.replace('.ln1.', '._orig_mod.ln1.'): v for k, v in weights.items()}
        assert parse_checkpoint(compiled).encoder.keys() == weights.keys()

    def teacher_and_student(self):
        weights = parse_checkpoint(released_state_dict()).encoder
        both = {f'student.backbone.{key}': value + 1 for key, value in weights.items()}
        return both | {f'teacher.backbone.{key}': value for key, value in weights.items()}

    def test_several_encoders(self, tmp_path):
        torch.save(self.teacher_and_student(), tmp_path / 'both.pth')
        path = str(tmp_path / 'both.pth')
        with pytest.raises(CheckpointError, match=r'several encoders.*teacher\.backbone\.'):
            read_checkpoint(path)
        init_cfg = dict(type='Pretrained', checkpoint=path, prefix='teacher')
        model = USFMViT(ARCH, 64, init_cfg=[init_cfg], out_type='featmap', out_indices=[11])
        model.init_weights()
        x, expected = images(), released_feature_maps(released_state_dict(), images(), (11,))
        torch.testing.assert_close(model.eval()(x)[0], expected[0], rtol=1e-5, atol=1e-5)

    def test_the_usual_one_goes_before_a_momentum_encoder(self):
        weights = parse_checkpoint(released_state_dict()).encoder
        both = {f'backbone.{key}': value for key, value in weights.items()}
        both |= {f'target_net.module.0.{key}': value + 1 for key, value in weights.items()}
        checkpoint = parse_checkpoint({'state_dict': both})
        assert all(torch.equal(checkpoint.encoder[key], value) for key, value in weights.items())

    def test_a_prefix_that_is_not_there(self, tmp_path):
        torch.save(released_state_dict(), tmp_path / 'usfm.pth')
        init_cfg = dict(
            type='Pretrained', checkpoint=str(tmp_path / 'usfm.pth'), prefix='backbone.'
        )
        with pytest.raises(CheckpointError, match="begins with prefix='backbone.'. Leave it out"):
            USFMViT(ARCH, 64, init_cfg=init_cfg).init_weights()

    @pytest.mark.parametrize(
        'init_cfg',
        [
            dict(type='Pretrained', checkpoint='a.pth', revise_keys=[]),
            [dict(type='Pretrained', checkpoint='a.pth'), dict(type='Constant', layer='Conv2d')],
            dict(type='Pretrained'),
        ],
    )
    def test_what_is_not_known_is_refused(self, init_cfg):
        with pytest.raises(ValueError, match='encoders know init_cfg'):
            USFMViT(ARCH, 64, init_cfg=init_cfg).init_weights()


class TestKinds:
    def test_safetensors(self, tmp_path, monkeypatch):
        saving = pytest.importorskip('safetensors.torch')
        for name in ('usfm.safetensors', 'usfm.bin'):
            saving.save_file(released_state_dict(), tmp_path / name)
            assert read_checkpoint(str(tmp_path / name)).layout == 'usfm'

    def test_safetensors_that_are_damaged(self, tmp_path):
        (tmp_path / 'a.safetensors').write_bytes(b'\x02\0\0\0\0\0\0\0{"a":1}')
        with pytest.raises(CheckpointError, match=r'a\.safetensors .*cut off, damaged'):
            read_checkpoint(str(tmp_path / 'a.safetensors'))

    @pytest.mark.skipif(not can_ignore, reason='torch < 2.6 cannot leave objects out')
    @pytest.mark.parametrize('wrapped', [False, True])
    def test_a_module_saved_whole(self, tmp_path, wrapped):
        model = Vit(mae=True)
        torch.save(dict(model=model, epoch=1) if wrapped else model, tmp_path / 'whole.pth')
        checkpoint = read_checkpoint(str(tmp_path / 'whole.pth'))
        assert checkpoint.layout == 'mae'
        expected = parse_checkpoint(model.state_dict())
        assert checkpoint.encoder.keys() == expected.encoder.keys()
        assert all(torch.equal(v, checkpoint.encoder[k]) for k, v in expected.encoder.items())

    def test_the_format_before_torch_1_6(self, tmp_path):
        old = dict(_use_new_zipfile_serialization=False)
        torch.save(released_state_dict(), tmp_path / 'old.pth', **old)
        assert read_checkpoint(str(tmp_path / 'old.pth')).layout == 'usfm'
        torch.save(Vit(), tmp_path / 'module.pth', **old)
        message = 'holds Python objects besides tensors'
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(str(tmp_path / 'module.pth'))

    def test_torchscript(self, tmp_path):
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / 'program.pt')
        with pytest.raises(CheckpointError, match='program.pt is a TorchScript program'):
            read_checkpoint(str(tmp_path / 'program.pt'))

    def test_another_archive(self, tmp_path):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, 'w') as archive:
            archive.writestr('a.txt', 'text')
        (tmp_path / 'a.zip').write_bytes(buffer.getvalue())
        with pytest.raises(CheckpointError, match='cannot be read as a PyTorch checkpoint'):
            read_checkpoint(str(tmp_path / 'a.zip'))
