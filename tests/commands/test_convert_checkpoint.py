"""The conversion tool: every layout to every other, and back."""

import subprocess
import sys

import pytest
import torch

from support.released_layout import ARCH, released_feature_maps, released_state_dict
from usfm_mm.commands import convert_checkpoint
from usfm_mm.models import USFMViT
from usfm_mm.models.checkpoints.layouts import LAYOUTS
from usfm_mm.models.checkpoints.loading import load_pretrained


@pytest.fixture
def convert(project_root, monkeypatch):
    """The tool's main function."""
    from usfm_mm.commands.convert_checkpoint import main

    return main


@pytest.fixture(params=[(4, 4), (3, 5)], ids=str)
def released(request, tmp_path):
    """File in the released layout."""
    torch.save(released_state_dict(request.param), tmp_path / 'usfm.pth')
    return request.param, tmp_path / 'usfm.pth'


def flat(content):
    for key in ('model', 'state_dict'):
        content = content.get(key, content)
    return content


@pytest.mark.parametrize('second', LAYOUTS)
@pytest.mark.parametrize('first', LAYOUTS)
def test_round_trip_is_exact(convert, released, tmp_path, first, second):
    window, source = released
    paths = [tmp_path / name for name in ('first.pth', 'second.pth', 'back.pth')]
    convert([str(source), str(paths[0]), '--to', first])
    convert([str(paths[0]), str(paths[1]), '--to', second])
    convert([str(paths[1]), str(paths[2]), '--to', 'usfm'])
    expected, back = released_state_dict(window), torch.load(paths[2], weights_only=True)
    assert back.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(back[key], value), key
        assert back[key].dtype == value.dtype, key

    model = USFMViT(
        arch=ARCH, img_size=(16 * window[0], 16 * window[1]), out_type='featmap', out_indices=[11]
    ).eval()
    assert load_pretrained(model, str(paths[1])).layout == second
    x = torch.randn(1, 3, 16 * window[0], 16 * window[1])
    with torch.no_grad():
        torch.testing.assert_close(
            model(x)[0], released_feature_maps(expected, x, (11,))[0], rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(
    ('layout', 'keys'),
    [
        ('usfm', ['cls_token', 'blocks.3.mlp.fc1.weight', 'rel_pos_bias.relative_position_index']),
        ('simmim', ['encoder.norm.bias', 'encoder.rel_pos_bias.relative_position_bias_table']),
        (
            'beit',
            [
                'blocks.11.attn.relative_position_bias_table',
                'blocks.0.attn.relative_position_index',
                'patch_embed.proj.weight',
            ],
        ),
        (
            'mmpretrain',
            ['backbone.layers.3.ffn.layers.0.0.weight', 'backbone.patch_embed.projection.bias'],
        ),
        ('usfm_mm', ['backbone.layers.3.ln1.weight', 'backbone.ln1.weight']),
    ],
)
def test_names_written(convert, released, tmp_path, layout, keys):
    convert([str(released[1]), str(tmp_path / 'out.pth'), '--to', layout])
    weights = flat(torch.load(tmp_path / 'out.pth', weights_only=True))
    assert set(keys) <= set(weights)


def test_decoder_is_carried_between_simmim_and_ours(convert, tmp_path, capsys):
    weights = {f'encoder.{key}': value for key, value in released_state_dict().items()}
    weights['decoder.0.weight'] = torch.randn(768, 48, 1, 1)
    torch.save({'model': weights}, tmp_path / 'simmim.pth')
    convert([str(tmp_path / 'simmim.pth'), str(tmp_path / 'ours.pth'), '--to', 'usfm_mm'])
    assert 'dropped' not in capsys.readouterr().out
    ours = torch.load(tmp_path / 'ours.pth', weights_only=True)['state_dict']
    assert torch.equal(ours['decoder.0.weight'], weights['decoder.0.weight'])
    convert([str(tmp_path / 'ours.pth'), str(tmp_path / 'usfm.pth'), '--to', 'usfm'])
    assert '1 weights beside the encoder: decoder.0.weight' in capsys.readouterr().out
    assert 'decoder.0.weight' not in torch.load(tmp_path / 'usfm.pth', weights_only=True)


def test_different_tables_have_no_place_in_usfm(convert, released, tmp_path):
    convert([str(released[1]), str(tmp_path / 'beit.pth'), '--to', 'beit'])
    content = torch.load(tmp_path / 'beit.pth', weights_only=True)
    content['model']['blocks.4.attn.relative_position_bias_table'][0, 0] += 1
    torch.save(content, tmp_path / 'beit.pth')
    with pytest.raises((ValueError, OSError), match='they differ'):
        convert([str(tmp_path / 'beit.pth'), str(tmp_path / 'usfm2.pth'), '--to', 'usfm'])
    assert not (tmp_path / 'usfm2.pth').exists()
    convert([str(tmp_path / 'beit.pth'), str(tmp_path / 'mm.pth'), '--to', 'mmpretrain'])
    weights = torch.load(tmp_path / 'mm.pth', weights_only=True)['state_dict']
    assert 'backbone.layers.4.attn.relative_position_bias_table' in weights


def test_choices_are_all_layouts():
    assert set(convert_checkpoint._LAYOUTS) == set(LAYOUTS)


def test_one_encoder_of_several(convert, tmp_path):
    weights = released_state_dict()
    both = {f'teacher.{key}': value for key, value in weights.items()}
    both |= {f'student.{key}': value + 1 for key, value in weights.items()}
    torch.save(both, tmp_path / 'both.pth')
    convert(
        [str(tmp_path / 'both.pth'), str(tmp_path / 'a.pth'), '--to', 'usfm', '--prefix=teacher']
    )
    back = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert torch.equal(back['blocks.3.attn.q_bias'], weights['blocks.3.attn.q_bias'])


def test_window_is_asked_for(convert, tmp_path):
    weights = released_state_dict((3, 5))
    del weights['rel_pos_bias.relative_position_index']
    torch.save(weights, tmp_path / 'a.pth')
    arguments = [str(tmp_path / 'a.pth'), str(tmp_path / 'b.pth'), '--to', 'usfm']
    with pytest.raises((ValueError, OSError), match='name the window'):
        convert(arguments)
    convert([*arguments, '--window', '3', '5'])
    back = torch.load(tmp_path / 'b.pth', weights_only=True)
    assert torch.equal(
        back['rel_pos_bias.relative_position_index'],
        released_state_dict((3, 5))['rel_pos_bias.relative_position_index'],
    )


def test_command_line(project_root, tmp_path):
    torch.save(released_state_dict(), tmp_path / 'usfm.pth')
    tool = str(project_root / 'tools' / 'convert_checkpoint.py')
    source, target = str(tmp_path / 'usfm.pth'), str(tmp_path / 'simmim.pth')
    command = [sys.executable, tool, source, target, '--to', 'simmim']
    done = subprocess.run(command, capture_output=True, text=True, cwd=project_root)
    assert done.returncode == 0, done.stderr
    assert '(usfm) -> ' in done.stdout
    assert 'embed_dims=48' in done.stdout
    command[2] = str(tmp_path / 'absent.pth')
    done = subprocess.run(command, capture_output=True, text=True, cwd=project_root)
    assert done.returncode == 1
    assert 'absent.pth: no such checkpoint' in done.stderr
    assert 'Traceback' not in done.stderr
