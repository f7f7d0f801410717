"""The weights that training starts from."""

from pathlib import Path

from mmengine.config import Config

from usfm_mm.config.places import places


def check_weights(cfg: Config) -> None:
    """Look for the files of weights before anything is built.

    Args:
        cfg: Of a run; addresses with ``://`` are left to what loads them.

    Raises:
        FileNotFoundError: A file is not there, with where to get one and how to do without.
    """
    for place in places(cfg.model, {'init_cfg'}):
        source = (place.value or {}).get('checkpoint') if isinstance(place.value, dict) else None
        if source and '://' not in str(source) and not Path(source).is_file():
            raise FileNotFoundError(
                f'{source}: no such weights. The authors offer theirs at '
                'https://github.com/openmedlab/USFM; others are named with --cfg-options '
                f'model.{place.path}.checkpoint=FILE, and model.{place.path}=None trains without'
            )
