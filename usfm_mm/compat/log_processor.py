"""Validation scores in mmengine's log."""

from typing import Any

from mmengine.runner import LogProcessor


class ScoreLogProcessor(LogProcessor):
    """mmengine's ``LogProcessor``, which shows a score as it is.

    mmengine smooths what is called like a loss or a time, also in validation: of a score such as
    ``val/loss`` or ``SSIM/genioglossus`` it logs the mean of up to ``window_size`` validations.
    (No upstream issue was found.)
    """

    def _collect_scalars(
        self, custom_cfg: list[dict], runner: Any, mode: str, reserve_prefix: bool = False
    ) -> dict:
        tag = super()._collect_scalars(custom_cfg, runner, mode, reserve_prefix)
        if mode != 'train':
            prefix = f'{mode}/'
            timed = {config.get('log_name', config['data_src']) for config in custom_cfg}
            for key in tag:
                name = key.removeprefix(prefix) if reserve_prefix else key
                if name not in timed | {'time', 'data_time'}:
                    tag[key] = runner.message_hub.get_scalar(prefix + name).current()
        return tag
