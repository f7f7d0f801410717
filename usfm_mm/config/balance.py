"""Rare classes as often as frequent ones."""

from mmengine.config import Config, ConfigDict


def set_balance(cfg: Config, balance: bool) -> None:
    """Draw all classes equally often in training.

    Args:
        cfg: Of a classification; changed in place.
        balance: Nothing is changed where it is False.

    Raises:
        ValueError: The config does not classify.
    """
    if not balance:
        return
    if 'Classifier' not in str(cfg.model.get('type')):
        raise ValueError(f'--balance-classes is for classification; {cfg.filename} is none')
    cfg.train_dataloader['sampler'] = ConfigDict(type='usfm_mm.ClassBalancedSampler')
