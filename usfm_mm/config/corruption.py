"""usfm test --corrupt: worse images in a test's pipeline."""

from functools import cache

from mmengine.config import Config, ConfigDict

_LOADING = 'LoadImageFromFile'
_STEP = 'usfm_mm.CorruptImage'


@cache
def loads_single_images(config: str) -> bool:
    """Whether the test of a config can be made worse; those of clips and pairs cannot.

    Args:
        config: As :func:`~usfm_mm.config.files.find_config` takes it.

    Raises:
        FileNotFoundError: If the file does not exist.
    """
    from usfm_mm.config.options import load_plain

    return bool(_places(load_plain(config)))


def _places(cfg: Config) -> list[int]:
    pipeline = cfg.test_dataloader.dataset.get('pipeline') or []
    return [n for n, step in enumerate(pipeline) if step['type'] == _LOADING]


def set_corruption(cfg: Config, text: str) -> None:
    """Make the test images worse right after they are loaded.

    Args:
        cfg: With a ``test_dataloader``; changed in place.
        text: As ``'speckle:3'``, see :func:`~usfm_mm.converters.corruption.corrupt`.

    Raises:
        ValueError: It is no kind with a severity, or the test loads no single images.
    """
    from usfm_mm.converters.corruption import LADDER, SEVERITIES

    kind, _, severity = text.partition(':')
    if kind not in LADDER or severity not in map(str, range(1, SEVERITIES + 1)):
        kinds = ', '.join(LADDER)
        raise ValueError(f'--corrupt {text}: give KIND:SEVERITY, of {kinds} and 1 to {SEVERITIES}')
    places = _places(cfg)
    if not places:
        raise ValueError(f'--corrupt is for tests of single images; {cfg.filename} loads others')
    step = ConfigDict(type=_STEP, kind=kind, severity=int(severity))
    cfg.test_dataloader.dataset.pipeline.insert(places[0] + 1, step)


def corruption_of(cfg: Config) -> str | None:
    """What :func:`set_corruption` made worse, as ``'speckle:3'``; None for images as they are."""
    loader = cfg.get('test_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, dict) else None
    pipeline = dataset.get('pipeline') if isinstance(dataset, dict) else None
    found = [step for step in pipeline or () if step['type'] == _STEP]
    return ', '.join(f'{step["kind"]}:{step["severity"]}' for step in found) or None
