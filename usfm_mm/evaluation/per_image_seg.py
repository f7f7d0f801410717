"""Segmentation metrics, per image."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from mmengine.logging import print_log

from usfm_mm.evaluation.per_image import PerImageMetric, image_path, numbers
from usfm_mm.evaluation.segmentation import MEASURES, class_measures, require_monai
from usfm_mm.io.image import encode_png
from usfm_mm.io.spacing import read_spacing
from usfm_mm.registry import METRICS


@METRICS.register_module()
class PerImageSegMetric(PerImageMetric):
    """DSC, IoU, ACC and SEN in % and HD95 in pixels: mean and standard deviation over images.

    Of each image the mean over the foreground classes is taken; the background is no class here.
    An image whose truth is ``ignore_index`` everywhere is left out, counted in a warning. HD95 is
    in pixels of the mask that is evaluated, in mmseg usually of the image's own size. The rules for
    empty masks are those of :func:`~usfm_mm.evaluation.segmentation.class_measures`.
    mmseg's ``IoUMetric`` instead pools the pixels of the whole data set.

    Reports ``DSC`` and so on, and ``DSC_std``: the population's standard deviation (ddof 0) over
    the images. The table has per image these five, ``truth_pixels`` and ``pred_pixels`` of all
    foreground, and the five of each class as ``DSC_<class>``.

    Where ``spacing.csv`` of the data set, in the folder above that of an image, tells the size of
    the image's pixels, its HD95 and its areas are given in mm and mm², too: ``HD95_mm`` and
    ``HD95_mm_std`` over the images of known size, in the table also ``HD95_mm_<class>``,
    ``truth_mm2`` and ``pred_mm2``, empty where the size is not known.

    Args:
        num_classes: With the background; by default as many as the data set names.
        ignore_index: Truth of pixels that are left out.
        csv_path: Where to write the table of images; None for none.
        kwargs: ``prefix``, ``collect_device`` and ``collect_dir``, as in mmengine.

    Raises:
        ModuleNotFoundError: If MONAI is not installed.

    Attributes:
        keep_masks: Also keep the masks, compressed, as ``TestReportHook`` does to draw them.
        masks: After an evaluation with ``keep_masks``, on the main rank: by image its truth and
            prediction as PNG, for ``decode_grey``. Ignored pixels are background in both.
    """

    keep_masks = False

    def __init__(
        self,
        num_classes: int | None = None,
        ignore_index: int = 255,
        csv_path: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        require_monai()  # now, rather than at the first validation
        super().__init__(csv_path, **kwargs)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.masks: dict[str, tuple[bytes, bytes]] = {}
        self._spacing: dict[Path, dict[str, tuple[float, float]]] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Measure the images of a batch.

        Args:
            data_batch: Not used.
            data_samples: mmseg's data samples with ``pred_sem_seg``, ``gt_sem_seg`` and
                ``img_path``.

        Raises:
            ValueError: If masks don't fit each other or the classes, the model's scores are no
                numbers, or ``spacing.csv`` is wrong; the message names the image or the row.
        """
        num_classes = self.count_classes()
        for sample in data_samples:
            path = image_path(sample)
            truth, prediction = (_labels(sample, key) for key in ('gt_sem_seg', 'pred_sem_seg'))
            scores = _pixels(sample.get('seg_logits'))
            if scores is not None and not torch.isfinite(scores).all():
                raise ValueError(f'{path}: the scores are not finite; did the training diverge?')
            spacing = self._spacing_of(path, truth.shape, sample.get('ori_shape'))
            try:
                measures = class_measures(
                    truth, prediction, num_classes, self.ignore_index, spacing
                )
            except ValueError as error:
                raise ValueError(f'{path}: {error}') from error
            ignored = truth == self.ignore_index
            if ignored.all():
                self.results.append(dict(image=path))
                continue
            truth, prediction = np.where(ignored, 0, truth), np.where(ignored, 0, prediction)
            row = dict(
                image=path,
                measures={name: numbers(values) for name, values in measures.items()},
                truth_pixels=int((truth > 0).sum()),
                pred_pixels=int((prediction > 0).sum()),
                mm2_per_pixel=spacing and spacing[0] * spacing[1],
            )
            if self.keep_masks:
                row['masks'] = tuple(encode_png(x.astype(np.uint8), 3) for x in (truth, prediction))
            self.results.append(row)

    def summarise(self, rows: list[dict]) -> dict[str, float]:
        """Mean and standard deviation over the images that have a pixel to compare."""
        listed, rows = rows, [row for row in rows if 'measures' in row]
        if len(rows) < len(listed):
            without = [row['image'] for row in listed if 'measures' not in row]
            text = f'{len(without)} of {len(listed)} images have no pixel to compare: all are '
            text += f'{self.ignore_index}, as in {without[0]}'
            if not rows:
                raise ValueError(text)
            print_log(
                f'PerImageSegMetric: {text}. They are left out.',
                logger='current',
                level=logging.WARNING,
            )
        if not any(row['truth_pixels'] for row in rows):
            print_log(
                'PerImageSegMetric: no image has foreground in the truth. Do masks hold class '
                f'numbers? Pixels of {self.ignore_index} are ignored.',
                logger='current',
                level=logging.WARNING,
            )
        foreground = self.class_names(self.count_classes())[1:]
        self.masks = {row['image']: row['masks'] for row in rows if 'masks' in row}
        known = sum(row['mm2_per_pixel'] is not None for row in rows)
        if 0 < known < len(rows):
            print_log(
                f'PerImageSegMetric: HD95_mm is of the {known} of {len(rows)} images whose pixels '
                'have a known size.',
                logger='current',
                level=logging.INFO,
            )
        names = (*MEASURES, *(('HD95_mm',) if known else ()))
        self.per_image = [_table_row(row, names, foreground) for row in rows]
        metrics = {}
        for name in names:
            values = np.asarray([row[name] for row in self.per_image if row[name] != ''])
            metrics[name] = float(values.mean())
            metrics[f'{name}_std'] = float(values.std())
        return metrics

    def _spacing_of(
        self, path: str, shape: tuple[int, ...], stored: Sequence[int] | None
    ) -> tuple[float, float] | None:
        """Height and width in mm of a pixel of the masks, which may be of another size."""
        folder = Path(path).parent.parent
        if folder not in self._spacing:
            self._spacing[folder] = read_spacing(folder)
        spacing = self._spacing[folder].get(Path(path).stem)
        if spacing is None or stored is None:
            return spacing
        scaled = (mm * old / new for mm, old, new in zip(spacing, stored, shape, strict=False))
        return cast(tuple[float, float], tuple(scaled))

    def count_classes(self) -> int:
        """Number of classes, with the background.

        Raises:
            ValueError: If there are fewer than two, or the data set names another number.
        """
        named = (self.dataset_meta or {}).get('classes')
        count = self.num_classes or len(named or ())
        if count < 2 or (named is not None and len(named) != count):
            raise ValueError(
                f'PerImageSegMetric needs at least a background and one class; num_classes is '
                f'{self.num_classes} and the data set names {named}'
            )
        return count


def _table_row(
    row: dict[str, Any], names: Sequence[str], foreground: Sequence[str]
) -> dict[str, Any]:
    """An image's row of the table: measures, areas, and the measures of each class."""
    by_class, mm2 = row['measures'], row['mm2_per_pixel']
    areas = {f'{kind}_pixels': row[f'{kind}_pixels'] for kind in ('truth', 'pred')}
    if 'HD95_mm' in names:
        for kind in ('truth', 'pred'):
            areas[f'{kind}_mm2'] = '' if mm2 is None else mm2 * row[f'{kind}_pixels']
    return dict(
        image=row['image'],
        **{name: float(np.mean(by_class[name])) if name in by_class else '' for name in names},
        **areas,
        **{
            f'{name}_{label}': by_class[name][n] if name in by_class else ''
            for n, label in enumerate(foreground)
            for name in names
        },
    )


def _labels(sample: Any, key: str) -> np.ndarray:
    """Labels ``[H, W]`` of a data sample's ``PixelData``, or of the dict made of it."""
    field = sample.get(key)
    if field is None:
        raise ValueError(
            f'{image_path(sample)}: the data sample has no {key}; the test pipeline must load the '
            'annotation (LoadAnnotations) and the model predict'
        )
    labels = _pixels(field).cpu().numpy()
    return labels[0] if labels.ndim == 3 else labels


def _pixels(field: Any) -> Any:
    return field['data'] if isinstance(field, dict) else getattr(field, 'data', None)
