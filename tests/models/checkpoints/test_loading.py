"""Recognising, adapting and loading checkpoints."""

import argparse
import http.server
import pickle
import threading
from collections import OrderedDict
from functools import partial

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmpretrain.models import BEiTViT

from support.released_layout import (
    ARCH,
    BLOCKS,
    DIM,
    released_feature_maps,
    released_state_dict,
)
from usfm_mm.models import SimMIMViT, USFMViT
from usfm_mm.models.checkpoints.files import CheckpointError, load_file, save_file
from usfm_mm.models.checkpoints.layouts import LAYOUTS
from usfm_mm.models.checkpoints.loading import adapt_state_dict, load_pretrained
from usfm_mm.models.checkpoints.reading import parse_checkpoint, read_checkpoint
from usfm_mm.models.checkpoints.tables import SHARED_TABLE, resize_tables
from usfm_mm.models.checkpoints.writing import write_layout
from usfm_mm.models.rel_pos_bias import resize_relative_position_bias

can_ignore = hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')


def vit(window=(4, 4), **kwargs):
    kwargs = dict(out_type='featmap', out_indices=[3, 5, 7, 11]) | kwargs
    model = USFMViT(arch=ARCH, img_size=tuple(16 * side for side in window), **kwargs)
    return model.eval()


def images(window=(4, 4), channels=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, 16 * window[0], 16 * window[1], generator=generator)


def maps(model, x):
    with torch.no_grad():
        return torch.stack(model(x))


def saved(tmp_path, content, name='checkpoint.pth'):
    torch.save(content, tmp_path / name)
    return str(tmp_path / name)


def beit_weights(equal=False):
    """A fine-tuned BEiT: a table per block, fc_norm instead of norm, a head."""
    weights = released_state_dict()
    table = weights.pop('rel_pos_bias.relative_position_bias_table')
    index = weights.pop('rel_pos_bias.relative_position_index')
    for key in ('norm.weight', 'norm.bias'):
        weights['fc_' + key] = weights.pop(key)
    del weights['mask_token']
    for i in range(BLOCKS):
        weights[f'blocks.{i}.attn.relative_position_bias_table'] = table + (0 if equal else i)
        weights[f'blocks.{i}.attn.relative_position_index'] = index
    weights['head.weight'] = torch.randn(5, DIM)
    return weights


def of_layout(layout):
    """Content of a file of each layout, with the same encoder."""
    if layout == 'usfm':
        return released_state_dict()
    return write_layout(parse_checkpoint(released_state_dict()), layout)[0]


class TestRecognise:
    @pytest.mark.parametrize('layout', LAYOUTS)
    def test_written_layouts_are_recognised_and_load(self, layout, tmp_path):
        path = saved(tmp_path, of_layout(layout))
        checkpoint = read_checkpoint(path)
        assert checkpoint.layout == layout
        assert checkpoint.window == (4, 4)
        model = vit()
        assert load_pretrained(model, path).layout == layout
        expected = torch.stack(released_feature_maps(released_state_dict(), images()))
        torch.testing.assert_close(maps(model, images()), expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(
        ('prefix', 'wrapper', 'layout'),
        [
            ('', 'model', 'beit'),  # BEiT's own pre-training: shared table, but wrapped
            ('', 'module', 'beit'),
            ('encoder.', None, 'simmim'),
            ('model.encoder.', 'state_dict', 'simmim'),
            ('model.encoder.', None, 'simmim'),
        ],
    )
    def test_beit_names_by_prefix_and_wrapper(self, prefix, wrapper, layout):
        weights = {prefix + key: value for key, value in released_state_dict().items()}
        checkpoint = parse_checkpoint({wrapper: weights, 'epoch': 3} if wrapper else weights)
        assert checkpoint.layout == layout
        assert checkpoint.encoder.keys() == parse_checkpoint(released_state_dict()).encoder.keys()

    def test_pretrainer_and_stock_model(self):
        weights = of_layout('mmpretrain')['state_dict']
        assert parse_checkpoint({'state_dict': weights}).layout == 'mmpretrain'
        ours = dict(weights, **{'decoder.0.weight': torch.zeros(768, DIM, 1, 1)})
        checkpoint = parse_checkpoint({'state_dict': ours, 'meta': {'epoch': 1}})
        assert checkpoint.layout == 'usfm_mm'
        assert list(checkpoint.others) == ['decoder.0.weight']
        model = BEiTViT(arch=ARCH, img_size=64)
        assert parse_checkpoint(model.state_dict()).layout == 'mmpretrain'

    def test_arch_is_read_from_the_weights(self):
        assert parse_checkpoint(released_state_dict()).arch == ARCH
        assert parse_checkpoint(beit_weights()).arch == ARCH

    def test_unknown_layout_shows_keys_and_layouts(self):
        resnet = {'conv1.weight': torch.zeros(1), 'layer1.0.bn1.weight': torch.zeros(1)}
        with pytest.raises(CheckpointError, match='usfm, simmim, beit.*conv1.weight'):
            parse_checkpoint(resnet)

    @pytest.mark.parametrize('content', [[1, 2], {'epoch': 3}, {}, torch.zeros(2), {'model': {}}])
    def test_no_state_dict(self, content):
        with pytest.raises(CheckpointError, match='holds no state dict'):
            parse_checkpoint(content, 'x.pth')

    def test_window_not_square(self):
        weights = released_state_dict((3, 5))
        assert parse_checkpoint(weights).window == (3, 5)
        del weights['rel_pos_bias.relative_position_index']
        with pytest.raises(CheckpointError, match='name the window'):
            parse_checkpoint(weights)
        assert parse_checkpoint(weights, window=(3, 5)).window == (3, 5)
        with pytest.raises(CheckpointError, match='3x6 patches has 58 rows, not 48'):
            parse_checkpoint(weights, window=(3, 6))


class TestFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='absent.pth: no such checkpoint'):
            load_pretrained(vit(), str(tmp_path / 'absent.pth'))

    @pytest.mark.parametrize('share', [0.01, 0.5, 0.999])
    def test_truncated(self, tmp_path, share):
        path = tmp_path / 'cut.pth'
        torch.save(released_state_dict(), path)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(CheckpointError, match='cut.pth .* cut off'):
            load_file(path)

    @pytest.mark.parametrize(
        ('data', 'message'),
        [
            (b'', 'is empty'),
            (b'\x89PNG\r\n\x1a\n' + bytes(100), 'cannot be read as a PyTorch checkpoint'),
            (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'git lfs pull'),
            (b'\n<!DOCTYPE html><html>', 'web page'),
            (b'some text\n', 'cannot be read as a PyTorch checkpoint'),
        ],
    )
    def test_not_a_checkpoint(self, tmp_path, data, message):
        path = tmp_path / 'x.pth'
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=message):
            load_file(path)

    def foreign(self):
        """What mmengine's and BEiT's training checkpoints hold besides tensors."""
        buffer = HistoryBuffer([1.0, 2.0], [1, 1])
        return dict(
            state_dict=of_layout('mmpretrain')['state_dict'],
            message_hub=dict(log_scalars=OrderedDict(loss=buffer), runtime_info={}),
            best=np.float64(0.5),
            order=np.arange(3),
            args=argparse.Namespace(lr=0.1),
        )

    @pytest.mark.skipif(not can_ignore, reason='torch < 2.6 cannot leave objects out')
    def test_foreign_objects_are_left_out(self, tmp_path):
        before = torch.serialization.get_safe_globals()
        content = load_file(saved(tmp_path, self.foreign()))
        assert not isinstance(content['message_hub']['log_scalars']['loss'], HistoryBuffer)
        assert not isinstance(content['args'], argparse.Namespace)
        assert torch.equal(
            content['state_dict']['backbone.cls_token'], released_state_dict()['cls_token']
        )
        assert set(torch.serialization.get_safe_globals()) == set(before)

    @pytest.mark.skipif(can_ignore, reason='torch >= 2.6 leaves objects out')
    def test_foreign_objects_on_old_torch(self, tmp_path):
        with pytest.raises(CheckpointError, match='convert it once with torch >= 2.6'):
            load_file(saved(tmp_path, self.foreign()))

    def test_code_in_a_file_is_not_run(self, tmp_path):
        path = saved(tmp_path, {'a': torch.zeros(1), 'evil': Evil(str(tmp_path / 'ran'))})
        if can_ignore:
            load_file(path)
        else:
            with pytest.raises(CheckpointError):
                load_file(path)
        assert not (tmp_path / 'ran').exists()
        torch.load(path, weights_only=False)  # the trap works
        assert (tmp_path / 'ran').exists()

    def test_address(self, tmp_path, monkeypatch):
        saved(tmp_path, released_state_dict())
        monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
        handler = partial(QuietHandler, directory=str(tmp_path))
        with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            address = f'http://127.0.0.1:{server.server_port}'
            try:
                assert read_checkpoint(f'{address}/checkpoint.pth').layout == 'usfm'
                with pytest.raises(CheckpointError, match='absent.pth: HTTP Error 404'):
                    read_checkpoint(f'{address}/absent.pth')
            finally:
                server.shutdown()
                thread.join()
        # Kept: the second reading needs no server.
        assert read_checkpoint(f'{address}/checkpoint.pth').window == (4, 4)

    def test_failed_save_keeps_the_old_file(self, tmp_path):
        path = tmp_path / 'new' / 'x.pth'
        save_file({'a': torch.ones(2)}, path)
        with pytest.raises((AttributeError, pickle.PicklingError), match='pickle'):
            save_file({'a': lambda: None}, path)
        assert torch.equal(load_file(path)['a'], torch.ones(2))
        assert [p.name for p in path.parent.iterdir()] == ['x.pth']


class Evil:
    """Runs code where it is unpickled the usual way."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a log."""

    def log_message(self, *args):
        pass


class TestLoad:
    def test_init_cfg(self, tmp_path):
        path = saved(tmp_path, released_state_dict())
        model = vit(init_cfg=dict(type='Pretrained', checkpoint=path))
        model.init_weights()
        expected = torch.stack(released_feature_maps(released_state_dict(), images()))
        torch.testing.assert_close(maps(model, images()), expected, rtol=1e-5, atol=1e-5)

    def test_report(self, tmp_path):
        path = saved(tmp_path, dict(released_state_dict(), **{'head.bias': torch.zeros(2)}))
        model = vit((5, 5), in_channels=1, out_type='avg_featmap')
        report = load_pretrained(model, path)
        assert len(report.loaded) == 3 + 15 * BLOCKS + 1  # stem, blocks, table
        assert set(report.fresh) == {'ln2.weight', 'ln2.bias'}
        assert set(report.unused) == {'mask_token', 'ln1.weight', 'ln1.bias', 'head.bias'}
        assert report.resized == {
            'patch_embed.projection.weight': 'folded from 3 channels to 1 (sum)',
            SHARED_TABLE: 'bias resized from 4x4 to 5x5 patches',
        }
        text = str(report)
        assert f'Loaded {path}' in text
        assert 'layout   usfm' in text
        assert 'fresh    ln2.weight, ln2.bias: norm after average pooling' in text
        assert len(text.splitlines()) < 12

    def test_fresh_norm_keeps_its_initial_values(self, tmp_path):
        model = vit(out_type='avg_featmap')
        torch.nn.init.constant_(model.ln2.weight, 3.0)
        load_pretrained(model, saved(tmp_path, released_state_dict()))
        assert (model.ln2.weight == 3).all()

    def test_fc_norm_of_beit_fills_the_norm_after_pooling(self, tmp_path):
        weights = beit_weights()
        model = vit(out_type='avg_featmap', use_rel_pos_bias=True)
        report = load_pretrained(model, saved(tmp_path, {'model': weights}))
        assert report.layout == 'beit'
        assert not report.fresh
        assert set(report.unused) == {'head.weight'}
        assert torch.equal(model.ln2.weight, weights['fc_norm.weight'])
        table = model.layers[7].attn.relative_position_bias_table
        assert torch.equal(table, weights['blocks.7.attn.relative_position_bias_table'])

    def test_mask_token_goes_where_it_is_wanted(self, tmp_path):
        path = saved(tmp_path, released_state_dict())
        model = SimMIMViT(arch=ARCH, img_size=64)
        assert 'mask_token' in load_pretrained(model, path).loaded
        assert torch.equal(model.mask_token, released_state_dict()['mask_token'])
        bare = {k: v for k, v in released_state_dict().items() if k != 'mask_token'}
        report = load_pretrained(SimMIMViT(arch=ARCH, img_size=64), saved(tmp_path, bare))
        assert list(report.fresh) == ['mask_token']

    def test_table_per_block_gives_the_same_outputs(self, tmp_path):
        path = saved(tmp_path, released_state_dict())
        shared, blocks = vit(), vit(use_rel_pos_bias=True)
        load_pretrained(shared, path)
        report = load_pretrained(blocks, path)
        assert len([k for k in report.resized if k.endswith('bias_table')]) == BLOCKS
        assert torch.equal(maps(shared, images()), maps(blocks, images()))

    def test_equal_tables_of_blocks_become_one(self, tmp_path):
        path = saved(tmp_path, {'model': beit_weights(equal=True)})
        shared, blocks = vit(), vit(use_rel_pos_bias=True)
        load_pretrained(shared, path)
        load_pretrained(blocks, path)
        assert torch.equal(maps(shared, images()), maps(blocks, images()))

    def test_different_tables_do_not_become_one(self, tmp_path):
        with pytest.raises(CheckpointError, match='use_rel_pos_bias=True'):
            load_pretrained(vit(), saved(tmp_path, {'model': beit_weights()}))

    @pytest.mark.parametrize('window', [(6, 6), (3, 7)], ids=str)
    @pytest.mark.parametrize('per_block', [False, True])
    def test_other_size(self, tmp_path, window, per_block):
        """At load and at run time the bias is resized alike."""
        path = saved(tmp_path, released_state_dict((4, 5)))
        small = vit((4, 5), use_rel_pos_bias=per_block)
        large = vit(window, use_rel_pos_bias=per_block)
        load_pretrained(small, path)
        load_pretrained(large, path)
        x = images(window)
        torch.testing.assert_close(maps(large, x), maps(small, x), rtol=1e-5, atol=1e-5)

    def test_fold_three_channels_to_one(self, tmp_path):
        path = saved(tmp_path, released_state_dict())
        colour, grey = vit(), vit(in_channels=1)
        load_pretrained(colour, path)
        load_pretrained(grey, path)
        x = images(channels=1)
        torch.testing.assert_close(
            maps(grey, x), maps(colour, x.repeat(1, 3, 1, 1)), rtol=1e-5, atol=1e-5
        )

    def test_spread_one_channel_to_three(self, tmp_path):
        path = saved(tmp_path, released_state_dict(channels=1))
        colour, grey = vit(), vit(in_channels=1)
        assert 'spread' in str(load_pretrained(colour, path))
        load_pretrained(grey, path)
        x = images(channels=1)
        torch.testing.assert_close(
            maps(colour, x.repeat(1, 3, 1, 1)), maps(grey, x), rtol=1e-5, atol=1e-5
        )

    def test_stock_model_with_its_own_hook(self, tmp_path):
        path = saved(tmp_path, released_state_dict())
        stock = BEiTViT(arch=ARCH, img_size=96, out_type='featmap', out_indices=[3, 5, 7, 11])
        report = load_pretrained(stock, path)  # a table per block, of another size
        stock.eval()
        assert len(report.resized) == BLOCKS
        ours = vit((6, 6))
        load_pretrained(ours, path)
        x = images((6, 6))
        torch.testing.assert_close(maps(stock, x), maps(ours, x), rtol=1e-5, atol=1e-5)

    def test_checkpoint_is_not_changed(self):
        checkpoint = parse_checkpoint(released_state_dict())
        adapt_state_dict(checkpoint, vit((6, 6), in_channels=1, use_rel_pos_bias=True))
        again = parse_checkpoint(released_state_dict())
        assert checkpoint.encoder.keys() == again.encoder.keys()
        assert all(torch.equal(again.encoder[k], v) for k, v in checkpoint.encoder.items())


class TestErrors:
    def error(self, tmp_path, weights, **kwargs):
        model = vit(**kwargs)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        with pytest.raises(CheckpointError) as caught:
            load_pretrained(model, saved(tmp_path, weights))
        after = model.state_dict()
        assert all(torch.equal(after[key], value) for key, value in before.items())
        return str(caught.value)

    def test_missing_weights_are_all_listed(self, tmp_path):
        weights = released_state_dict()
        for key in ('cls_token', 'blocks.3.attn.q_bias', 'blocks.11.mlp.fc2.weight'):
            del weights[key]
        message = self.error(tmp_path, weights)
        assert '3 weights would stay unfilled' in message
        assert 'cls_token, layers.3.attn.q_bias, layers.11.ffn.layers.1.weight' in message

    def test_missing_bias_table(self, tmp_path):
        weights = released_state_dict()
        del weights['rel_pos_bias.relative_position_bias_table']
        message = self.error(tmp_path, weights)
        assert f'1 weights would stay unfilled: {SHARED_TABLE}' in message

    def test_final_norm(self, tmp_path):
        weights = released_state_dict()
        del weights['norm.weight'], weights['norm.bias']
        message = self.error(tmp_path, weights, final_norm=True)
        assert '(leave out final_norm=True): ln1.weight, ln1.bias' in message

    def test_position_embedding_without_a_place(self, tmp_path):
        weights = dict(released_state_dict(), pos_embed=torch.zeros(1, 17, DIM))
        message = self.error(tmp_path, weights)
        assert '1 weights have no place' in message
        assert '(set use_abs_pos_emb=True): pos_embed' in message

    def test_more_blocks_than_the_model(self, tmp_path):
        weights = released_state_dict()
        model = USFMViT(arch=dict(ARCH, num_layers=10), img_size=64)
        with pytest.raises(CheckpointError, match='30 weights have no place') as caught:
            load_pretrained(model, saved(tmp_path, weights))
        assert 'layers.10.ln1.weight' in str(caught.value)
        assert 'num_layers=12' in str(caught.value)

    def test_other_width_names_key_shapes_and_remedy(self, tmp_path):
        model = USFMViT(arch=dict(ARCH, embed_dims=96), img_size=64)
        with pytest.raises(CheckpointError) as caught:
            load_pretrained(model, saved(tmp_path, released_state_dict()))
        message = str(caught.value)
        assert 'layers.0.ln1.weight is 48, the model has 96' in message
        assert 'set arch=' in message
        assert 'made with arch=dict(num_layers=12, embed_dims=48, num_heads=3' in message

    def test_other_heads(self, tmp_path):
        model = USFMViT(arch=dict(ARCH, num_heads=6), img_size=96)
        with pytest.raises(CheckpointError, match=f'{SHARED_TABLE} is 52x3, the model has 124x6'):
            load_pretrained(model, saved(tmp_path, released_state_dict()))

    def test_four_channels(self, tmp_path):
        message = self.error(tmp_path, released_state_dict(channels=4))
        assert 'patch_embed.projection.weight is 48x4x16x16, the model has 48x3x16x16' in message


class TestResizeTables:
    @pytest.mark.parametrize('per_block', [False, True])
    @pytest.mark.parametrize('old', [(6, 6), (5, 4), (3, 7)], ids=str)
    def test_whole_model_of_another_size(self, old, per_block):
        source = torch.nn.ModuleDict(dict(backbone=vit(old, use_rel_pos_bias=per_block)))
        for name, parameter in source.named_parameters():
            if name.endswith('bias_table'):
                torch.nn.init.normal_(parameter)
        target = torch.nn.ModuleDict(dict(backbone=vit((4, 5), use_rel_pos_bias=per_block)))
        target.load_state_dict(source.state_dict(), strict=True)
        for name, value in source.named_parameters():
            if name.endswith('bias_table'):
                value = resize_relative_position_bias(value, old, (4, 5))
            assert torch.equal(target.get_parameter(name), value), name
        for name, value in target.named_buffers():
            assert value.shape == (21, 21), name

    def test_same_size_is_untouched(self):
        model = vit()
        state = {f'backbone.{key}': value for key, value in model.state_dict().items()}
        kept = dict(state)
        resize_tables(state, 'backbone.', model)
        assert all(state[key] is value for key, value in kept.items())

    def test_grid_that_cannot_be_told(self):
        model = vit()
        state = {SHARED_TABLE: torch.zeros(48, 3)}
        with pytest.raises(CheckpointError, match=f'{SHARED_TABLE}: .*not that of a square'):
            resize_tables(state, '', model)
