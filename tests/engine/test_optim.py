"""Learning rate and weight decay of every parameter, in both hosts."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope

from usfm_mm.compat import import_mmseg

LR, DECAY = 1e-3, 0.05
BLOCKS = 12
BACKBONE = dict(
    type='usfm_mm.USFMViT',
    arch=dict(embed_dims=24, num_layers=BLOCKS, num_heads=3, feedforward_channels=48),
    img_size=32,
)
OPTIM_WRAPPER = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=LR, weight_decay=DECAY),
    constructor='usfm_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.65),
)


def upernet(**backbone):
    import_mmseg()
    common = dict(in_channels=[24] * 4, num_classes=2, norm_cfg=dict(type='BN'))
    return dict(
        type='EncoderDecoder',
        backbone=dict(BACKBONE, out_type='featmap', out_indices=[3, 5, 7, 11], **backbone),
        neck=dict(type='Feature2Pyramid', embed_dim=24, norm_cfg=dict(type='BN')),
        decode_head=dict(type='UPerHead', in_index=[0, 1, 2, 3], channels=8, **common),
    )


def classifier(**backbone):
    return dict(
        type='ImageClassifier',
        backbone=dict(BACKBONE, **backbone),
        head=dict(type='LinearClsHead', in_channels=24, num_classes=3),
    )


def distance(name):
    """Steps from the heads, told from the name alone."""
    if not name.startswith('backbone.'):
        return 0
    parts = name.split('.')
    if parts[1] == 'layers':
        return BLOCKS - int(parts[2])
    if parts[1] in ('patch_embed', 'cls_token', 'rel_pos_bias'):
        return BLOCKS + 1
    assert parts[1] in ('ln1', 'ln2'), name  # after the last block, with the heads
    return 0


@pytest.mark.parametrize('own_tables', [False, True])
@pytest.mark.parametrize(('scope', 'build'), [('mmseg', upernet), ('mmpretrain', classifier)])
def test_every_parameter(scope, build, own_tables):
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(build(use_rel_pos_bias=own_tables))
        optimizer = build_optim_wrapper(model, OPTIM_WRAPPER).optimizer
    groups = {id(p): group for group in optimizer.param_groups for p in group['params']}
    names = dict(model.named_parameters())
    assert len(groups) == len(names)
    assert {distance(name) for name in names} == set(range(BLOCKS + 2))
    for name, parameter in names.items():
        group = groups[id(parameter)]
        assert group['lr'] == pytest.approx(LR * 0.65 ** distance(name), rel=1e-12), name
        exempt = parameter.ndim == 1 or name.endswith(('cls_token', 'bias_table'))
        assert group['weight_decay'] == (0 if exempt else DECAY), name
    exempted = ' '.join(n for n in names if groups[id(names[n])]['weight_decay'] == 0)
    for part in ('q_bias', 'v_bias', 'gamma_1', 'ln1.weight', 'cls_token', 'bias_table'):
        assert part in exempted


def test_a_frozen_encoder_is_left_out():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(classifier(frozen=True))
        optimizer = build_optim_wrapper(model, OPTIM_WRAPPER).optimizer
    assert [group['param_name'] for group in optimizer.param_groups] == [
        'head.fc.weight',
        'head.fc.bias',
    ]
    assert all(group['lr'] == LR for group in optimizer.param_groups)


def test_a_backbone_without_depths_is_named():
    config = dict(
        type='ImageClassifier',
        backbone=dict(type='VGG', depth=11),
        head=dict(type='LinearClsHead', in_channels=512, num_classes=3),
    )
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(config)
        with pytest.raises(NotImplementedError, match='get_layer_depth.*not VGG'):
            build_optim_wrapper(model, OPTIM_WRAPPER)


def test_mask_token_and_position_embedding_are_inputs_without_weight_decay():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        backbone = dict(type='VisionTransformer', arch='deit-tiny', img_size=32)
        model = MODELS.build(dict(classifier(), backbone=backbone))
        model.backbone.mask_token = torch.nn.Parameter(torch.zeros(1, 1, 192))
        optimizer = build_optim_wrapper(model, OPTIM_WRAPPER).optimizer
    groups = {group['param_name']: group for group in optimizer.param_groups}
    for name in ('pos_embed', 'cls_token', 'mask_token'):
        assert groups[f'backbone.{name}']['weight_decay'] == 0, name
    for name in ('pos_embed', 'cls_token'):
        assert groups[f'backbone.{name}']['lr'] == pytest.approx(LR * 0.65 ** (BLOCKS + 1)), name
    assert groups['backbone.patch_embed.projection.weight']['weight_decay'] == DECAY
