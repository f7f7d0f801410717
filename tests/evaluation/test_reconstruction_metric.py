"""The numbers of pre-training's validation."""

import pytest

from usfm_mm.evaluation import ReconstructionMetric

ROWS = [
    dict(pixel=0.25, masked=0.5, frequency=1.0),
    dict(pixel=0.75, masked=1.0, frequency=2.0),
]


def test_means_over_images_and_their_total():
    metric = ReconstructionMetric(frequency_weight=0.4, collect_device='cpu')
    metric.process({}, ROWS)
    expected = {'val/pixel': 0.5, 'val/masked': 0.75, 'val/frequency': 1.5, 'val/total': 1.1}
    assert metric.evaluate(2) == pytest.approx(expected)


def test_takes_a_prefix_and_a_collect_dir(tmp_path):
    metric = ReconstructionMetric(prefix='held_out', collect_dir=str(tmp_path))
    metric.process({}, ROWS)
    assert metric.evaluate(2)['held_out/pixel'] == 0.5


def test_errors_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match='did the training diverge'):
        ReconstructionMetric().process({}, [dict(ROWS[0], masked=float('nan'))])
