"""usfm test --corrupt: worse images in a test's pipeline."""

from mmengine.config import Config, ConfigDict

_LOADING = 'LoadImageFromFile'
_STEP = 'usfm_mm.CorruptImage'


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
    pipeline = cfg.test_dataloader.dataset.get('pipeline') or []
    places = [n for n, step in enumerate(pipeline) if step['type'] == _LOADING]
    if not places:
        raise ValueError(f'--corrupt is for tests of single images; {cfg.filename} loads others')
    step = ConfigDict(type=_STEP, kind=kind, severity=int(severity))
    pipeline.insert(places[0] + 1, step)


def corruption_of(cfg: Config) -> str | None:
    """What :func:`set_corruption` made worse, as ``'speckle:3'``; None for images as they are."""
    loader = cfg.get('test_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, dict) else None
    pipeline = dataset.get('pipeline') if isinstance(dataset, dict) else None
    found = [step for step in pipeline or () if step['type'] == _STEP]
    return ', '.join(f'{step["kind"]}:{step["severity"]}' for step in found) or None
