"""Stock CycleGAN with our generator, as small as its tests bear."""

from typing import Any


def tiny_cyclegan(backbone: dict, channels: int, gain: float, **generator: Any) -> dict[str, Any]:
    """Config of the model, for grey extractors.

    Args:
        backbone: Of the generators.
        channels: Of the images.
        gain: Of the generators' initialisation.
        generator: Further arguments of the generators.
    """
    return dict(
        type='CycleGAN',
        data_preprocessor=dict(type='DataPreprocessor', data_keys=['img_A', 'img_B']),
        generator=dict(
            type='usfm_mm.USFMResnetGenerator',
            backbone=backbone,
            in_channels=channels,
            out_channels=channels,
            base_channels=4,
            num_blocks=1,
            mean=[55.0],
            std=[50.0],
            init_cfg=dict(type='normal', gain=gain),
            **generator,
        ),
        discriminator=dict(
            type='PatchDiscriminator',
            in_channels=channels,
            base_channels=4,
            num_conv=2,
            norm_cfg=dict(type='IN'),
        ),
        default_domain='B',
        reachable_domains=['A', 'B'],
        related_domains=['A', 'B'],
    )
