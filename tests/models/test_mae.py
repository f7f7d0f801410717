"""MAE around our ViT: only what is seen is encoded, and the loss is of what is hidden."""

import pytest
import torch
from mmpretrain.structures import DataSample

from usfm_mm.models import MAEViT
from usfm_mm.registry import MODELS

ARCH = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)


def encoder(**settings):
    torch.manual_seed(0)
    model = MAEViT(arch=ARCH, img_size=48, in_channels=1, **settings).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def masks():
    mask = torch.zeros(2, 9)
    mask[0, [0, 2, 7]] = 1
    mask[1, [1, 4, 8]] = 1
    return mask.view(2, 3, 3)


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize(
    'settings',
    [
        dict(),
        dict(use_rel_pos_bias=True),
        dict(use_abs_pos_emb=True),
    ],
)
def test_seen_patches_are_encoded_as_if_attention_to_the_others_were_forbidden(settings, fused):
    model = encoder(fused_attention=fused, **settings)
    x, mask = torch.randn(2, 1, 48, 48, dtype=torch.double), masks()
    latent, hidden, order = model(x, mask, 3)
    assert latent.shape == (2, 1 + 6, 24)
    assert torch.equal(hidden, mask.flatten(1).double())
    plain = model._bias
    for image in range(2):
        away = torch.cat((torch.zeros(1), mask[image].flatten())).bool()
        model._bias = lambda *a, away=away: plain(*a).masked_fill(away, -torch.inf)
        whole = model(x[image : image + 1])[0][0]
        torch.testing.assert_close(latent[image], whole[~away], rtol=1e-10, atol=1e-10)
        model._bias = plain
    # Seen patches first, both kinds in the order of the image.
    seen = [1, 3, 4, 5, 6, 8]
    assert order[0][seen].tolist() == [0, 1, 2, 3, 4, 5]
    assert order[0][[0, 2, 7]].tolist() == [6, 7, 8]


def test_without_hidden_patches_it_is_the_encoder():
    model = encoder()
    x = torch.randn(2, 1, 48, 48, dtype=torch.double)
    latent, _, order = model(x, torch.zeros(2, 3, 3), 0)
    with pytest.raises(ValueError, match='num_hidden'):
        model(x, torch.zeros(2, 3, 3))
    torch.testing.assert_close(latent, model(x)[0])
    assert torch.equal(order, torch.arange(9).expand(2, -1))


def test_each_image_hides_as_many_patches():
    samples = [
        DataSample(mask=mask, metainfo=dict(num_hidden=3 - n)) for n, mask in enumerate(masks())
    ]
    with pytest.raises(ValueError, match=r'as many patches in each image, got \[2, 3\]'):
        mae()(torch.zeros(2, 3, 48, 48), samples, mode='loss')


def mae():
    torch.manual_seed(0)
    decoder = dict(decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2)
    model = MODELS.build(
        dict(
            type='usfm_mm.MaskedMAE',
            backbone=dict(type='usfm_mm.MAEViT', arch=ARCH, img_size=48),
            neck=dict(type='usfm_mm.MAEDecoder', img_size=48, embed_dim=24, **decoder),
            head=dict(
                type='mmpretrain.MAEPretrainHead',
                norm_pix=True,
                loss=dict(type='mmpretrain.PixelReconstructionLoss', criterion='L2'),
            ),
        )
    )
    model.init_weights()
    return model.eval()


def test_the_loss_is_that_of_the_hidden_patches_alone():
    model, x, mask = mae(), torch.randn(2, 3, 48, 48), masks()
    samples = [DataSample(mask=each, metainfo=dict(num_hidden=3)) for each in mask]
    loss = model(x, samples, mode='loss')['loss']
    latent, _, order = model.backbone(x, mask, 3)
    predicted = model.neck(latent, order)  # [2, 9, 768]
    patches = x.unfold(2, 16, 16).unfold(3, 16, 16)  # [2, 3, 3, 3, 16, 16]
    patches = patches.permute(0, 2, 3, 4, 5, 1).reshape(2, 9, 768)  # rows, columns, channels
    mean, var = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    error = ((predicted - (patches - mean) / (var + 1e-6).sqrt()) ** 2).mean(-1)
    expected = error[mask.flatten(1).bool()].mean()
    torch.testing.assert_close(loss, expected)
    # Hidden pixels are a target and nothing else: the prediction does not know them.
    changed = x.clone()
    changed[0, :, :16, :16] += 1
    torch.testing.assert_close(model.neck(model.backbone(changed, mask, 3)[0], order), predicted)


def test_recomputed_activations_change_no_gradient():
    x, mask, found = torch.randn(2, 1, 48, 48, dtype=torch.double), masks(), []
    for with_cp in (False, True):
        model = encoder(with_cp=with_cp).train()
        model(x, mask, 3)[0].square().sum().backward()
        found.append([parameter.grad for parameter in model.parameters()])
    assert any(grad is not None and grad.abs().max() > 0 for grad in found[0])
    for plain, recomputed in zip(*found, strict=True):
        torch.testing.assert_close(recomputed, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.gpu
def test_the_loss_on_a_gpu_is_that_on_the_cpu():
    model, x = mae(), torch.randn(2, 3, 48, 48)
    samples = [DataSample(mask=each, metainfo=dict(num_hidden=3)) for each in masks()]
    expected = model(x, samples, mode='loss')['loss']
    loss = model.cuda()(x.cuda(), [each.cuda() for each in samples], mode='loss')['loss']
    torch.testing.assert_close(loss.cpu(), expected, rtol=1e-4, atol=1e-4)
