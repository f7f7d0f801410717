"""Enhancement metrics, per image, per organ and overall."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.evaluation.enhancement import MEASURES, image_measures, require_packages
from usfm_mm.evaluation.per_image import PerImageMetric
from usfm_mm.io.image import decode_grey, encode_png
from usfm_mm.registry import METRICS


@METRICS.register_module()
class EnhancementMetric(PerImageMetric):
    """SSIM, LNCC and NMI in % and PSNR in dB of enhanced images (paper, Table 4).

    For mmagic's translation models, such as ``CycleGAN``, on pairs. Each enhanced image is judged
    against its counterpart at the size that the pipeline gives both, as an 8-bit grey image: the
    mean of its channels, rounded. See :mod:`usfm_mm.evaluation.enhancement` for the measures.

    Reports ``SSIM`` and so on, the mean over all pairs; ``SSIM_std``, the population's standard
    deviation (ddof 0); both for each organ as ``SSIM/breast`` and ``SSIM_std/breast``; and
    ``SSIM_input``, the mean of the images as they were before. The table has per image the files
    (``image`` of low and ``reference`` of high quality), the organ, the four measures, and those of
    the input.

    Args:
        source: Domain of low quality, as the model names it.
        target: Domain of high quality.
        csv_path: Where to write the table of images; None for none.
        kwargs: ``prefix``, ``collect_device`` and ``collect_dir``, as in mmengine.

    Raises:
        ModuleNotFoundError: If scikit-image or scikit-learn is not installed.

    Attributes:
        keep_images: Also keep the enhanced images, as the hooks do that draw them.
        predictions: After an evaluation with ``keep_images``, on the main rank: by ``image`` the
            enhanced one as PNG file, for :meth:`prediction`.
    """

    keep_images = False

    def __init__(
        self,
        source: str = 'A',
        target: str = 'B',
        csv_path: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        require_packages()  # now, rather than at the first validation
        super().__init__(csv_path, **kwargs)
        self.source = source
        self.target = target
        self.predictions: dict[str, bytes] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Measure the images of a batch.

        Args:
            data_batch: Not used.
            data_samples: mmagic's data samples with ``fake_B``, ``img_A`` and ``img_B``,
                ``[C, H, W]`` in [0, 255], ``img_A_path``, ``img_B_path``, and ``organ`` where it
                is known.

        Raises:
            ValueError: If one of these is missing or images differ in size; the message names the
                image.
        """
        for sample in data_samples:
            path, reference = (
                str(_field(sample, f'img_{domain}_path')) for domain in (self.source, self.target)
            )
            try:
                before, enhanced, target = (
                    grey_image(_field(sample, key))
                    for key in (f'img_{self.source}', f'fake_{self.target}', f'img_{self.target}')
                )
                measures = image_measures(enhanced, target)
                measures_before = image_measures(before, target)
            except ValueError as error:
                raise ValueError(f'{path}: {error}') from error
            row = dict(
                image=path,
                reference=reference,
                organ=str(sample.get('organ') or 'unknown'),
                **measures,
                **{f'{name}_input': value for name, value in measures_before.items()},
            )
            if self.keep_images:
                row['prediction'] = encode_png(enhanced)
            self.results.append(row)

    def summarise(self, rows: list[dict]) -> dict[str, float]:
        """Mean and standard deviation over the images, of each organ and of all."""
        self.predictions = {row['image']: row['prediction'] for row in rows if 'prediction' in row}
        self.per_image = [
            {key: value for key, value in row.items() if key != 'prediction'} for row in rows
        ]
        metrics = {}
        for name in MEASURES:
            values = np.asarray([row[name] for row in rows])
            metrics[name] = float(values.mean())
            metrics[f'{name}_std'] = float(values.std())
            metrics[f'{name}_input'] = float(np.mean([row[f'{name}_input'] for row in rows]))
            organs = np.asarray([row['organ'] for row in rows])
            for organ in np.unique(organs):
                chosen = values[organs == organ]
                metrics[f'{name}/{organ}'] = float(chosen.mean())
                metrics[f'{name}_std/{organ}'] = float(chosen.std())
        return metrics

    def prediction(self, image: str) -> np.ndarray:
        """The kept enhanced image, uint8 ``[H, W]``."""
        return decode_grey(self.predictions[image])


def grey_image(tensor: Any) -> np.ndarray:
    """Mean over the channels of ``[C, H, W]`` in [0, 255], rounded to uint8 ``[H, W]``.

    Raises:
        ValueError: If the shape is another one or a value is not a number.
    """
    values = tensor.detach().cpu().double().numpy()
    if values.ndim != 3 or not np.isfinite(values).all():
        raise ValueError(
            f'an image must be [C, H, W] of finite numbers, got {values.shape}; did the training '
            'diverge?'
        )
    return np.rint(values.mean(0).clip(0, 255)).astype(np.uint8)


def _field(sample: Any, key: str) -> Any:
    value = sample.get(key)
    if value is None:
        raise ValueError(
            f'the data sample has no {key}: name a path in meta_keys of PackInputs; an image in '
            "data_keys of it and of the model's data_preprocessor, and its domain in the metric"
        )
    return value
