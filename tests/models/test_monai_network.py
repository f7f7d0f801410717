"""MONAI's networks as backbones."""

import pytest
import torch

from usfm_mm.models import MONAINetwork

nets = pytest.importorskip('monai.networks.nets')
UNET = dict(
    type='UNet', spatial_dims=2, in_channels=1, channels=(4, 8), strides=(2,), num_res_units=2
)
DYNUNET = dict(
    type='DynUNet',
    spatial_dims=2,
    in_channels=1,
    kernel_size=[3, 3, 3],
    strides=[1, 2, 2],
    upsample_kernel_size=[2, 2],
    filters=[4, 8, 8],
    deep_supervision=True,
    deep_supr_num=1,
)


def test_it_is_the_network_itself():
    torch.manual_seed(0)
    backbone = MONAINetwork(dict(UNET, out_channels=6)).double().eval()
    plain = nets.UNet(**{k: v for k, v in UNET.items() if k != 'type'}, out_channels=6)
    plain = plain.double().eval()
    plain.load_state_dict(backbone.network.state_dict())
    images = torch.rand(2, 1, 16, 24, dtype=torch.float64)
    (features,) = backbone(images)
    assert features.shape == (2, 6, 16, 24)
    torch.testing.assert_close(features, plain(images))


def test_deep_supervision_gives_its_maps_in_training_only():
    torch.manual_seed(0)
    backbone = MONAINetwork(dict(DYNUNET, out_channels=5)).train()
    images = torch.rand(2, 1, 16, 16)
    maps = backbone(images)
    assert [tuple(m.shape) for m in maps] == [(2, 5, 16, 16)] * 2
    stacked = backbone.network(images)
    torch.testing.assert_close(maps[0], stacked[:, 0])
    torch.testing.assert_close(maps[1], stacked[:, 1])
    main, *others = backbone.eval()(images)
    assert not others
    torch.testing.assert_close(main, backbone.network(images))


def test_unknown_network():
    with pytest.raises(ValueError, match="MONAI has no network 'NoNet'"):
        MONAINetwork(dict(type='NoNet'))
