"""The weights that training starts from, and what a config takes over from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from usfm_mm.compat import quiet_imports
from usfm_mm.config.arch import set_arch
from usfm_mm.config.places import backbone_of, places


def set_weights(cfg: Config, file: str) -> None:
    """Start the encoder from a file; its size, and whether it has LayerScale, follow the weights.

    Mean and std do too, see :func:`~usfm_mm.config.normalisation.fit_normalisation`, and the
    channels of a generator's encoder. Elsewhere weights for another number of channels than the
    images have are adapted when they are loaded.

    Args:
        cfg: Config whose encoder is ``USFMViT``; changed in place.
        file: Path or address of weights in any layout that is known.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read.
        ValueError: If the config has another encoder, or the file's has no named size.
    """
    quiet_imports()
    from usfm_mm.models.archs import ARCHS
    from usfm_mm.models.checkpoints.loading import PATCH_WEIGHT
    from usfm_mm.models.checkpoints.reading import read_checkpoint

    backbone = backbone_of(cfg)
    if backbone.get('type') != 'usfm_mm.USFMViT':
        raise ValueError(
            f'--weights is for an encoder usfm_mm.USFMViT; {cfg.filename} has '
            f'{backbone.get("type")}'
        )
    found = read_checkpoint(file)
    fits = [name for name, arch in ARCHS.items() if found.arch.items() <= arch.items()]
    if not fits:
        raise ValueError(
            f'--weights {file}: an encoder of {_sizes(found.arch)} is none of {", ".join(ARCHS)}: '
            'set model.backbone.arch and the widths of the heads in a config'
        )
    if fits[0] != backbone.get('arch'):
        set_arch(cfg, fits[0])
    if not any('gamma' in name for name in found.encoder):
        backbone['layer_scale_init_value'] = 0.0
    elif backbone.get('layer_scale_init_value') == 0:
        del backbone['layer_scale_init_value']
    if cfg.model.get('generator'):
        backbone['in_channels'] = found.encoder[PATCH_WEIGHT].shape[1]
    backbone['init_cfg'] = ConfigDict(type='Pretrained', checkpoint=file)


def check_arch(cfg: Config, arch: str, file: str) -> None:
    """Refuse a size by hand that is not that of the weights.

    Raises:
        ValueError: Naming both.
    """
    found = backbone_of(cfg).get('arch')
    if arch != found:
        raise ValueError(f'--arch {arch}, but --weights {file} is {found}: leave out --arch')


def _sizes(arch: Mapping[str, Any]) -> str:
    return ', '.join(f'{name} {value}' for name, value in arch.items())


def start_files(cfg: Config) -> list[tuple[str, str]]:
    """Setting and file of all weights that a config starts from, without addresses."""
    told = ((place.path, place.value) for place in places(cfg.model, {'init_cfg'}))
    files = ((path, str(it.get('checkpoint') or '')) for path, it in told if isinstance(it, dict))
    return [(path, file) for path, file in files if file and '://' not in file]


def check_weights(cfg: Config) -> None:
    """Look for the files of weights before anything is built.

    Args:
        cfg: Of a run; addresses with ``://`` are left to what loads them.

    Raises:
        FileNotFoundError: A file is not there, with where to get one and how to do without.
    """
    for path, file in start_files(cfg):
        if not Path(file).is_file():
            raise FileNotFoundError(
                f'{file}: no such weights. The authors offer theirs at '
                'https://github.com/openmedlab/USFM; --weights FILE names others of any layout '
                'that is known (of another encoder --cfg-options '
                f'model.{path}.checkpoint=FILE), and --cfg-options model.{path}=None '
                'trains without'
            )
