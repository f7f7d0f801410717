"""What a test does otherwise than the training did."""

import logging

import pytest
from mmengine.config import Config

from usfm_mm.config import provenance
from usfm_mm.config.provenance import compare_settings, note_settings


def config(size=112, mean=(56.0,)):
    return Config(
        dict(
            image_size=size,
            model=dict(type='A', data_preprocessor=dict(type='B', mean=mean, pad_val=0)),
        )
    )


@pytest.fixture
def warnings(monkeypatch):
    found = []
    monkeypatch.setattr(
        provenance, 'print_log', lambda text, logger, level: found.append((text, level))
    )
    return found


def checkpoint(classes=('normal', 'benign', 'malignant')):
    saved = dict(meta=dict(dataset_meta=dict(classes=classes)))
    note_settings(config(), saved, [])
    return saved


def test_the_same_is_silent(warnings):
    # A list in place of a tuple, as a config file that was read again has it.
    compare_settings(config(mean=[56.0]), ['normal', 'benign', 'malignant'], checkpoint())
    compare_settings(config(224), ['x'], {})  # a host's own file does not tell
    compare_settings(config(), None, checkpoint())
    assert warnings == []


def test_what_differs_is_told(warnings):
    compare_settings(config(224, [0.0]), ['background', 'head'], checkpoint())
    texts = [text for text, level in warnings if level == logging.WARNING]
    assert texts == [
        'Other than in training: image_size is 224, in training it was 112.',
        'Other than in training: model.data_preprocessor is {"mean": [0.0], "pad_val": 0, "type": '
        '"B"}, in training it was {"mean": [56.0], "pad_val": 0, "type": "B"}.',
        'Other than in training: the classes are background, head, in training they were normal, '
        'benign, malignant.',
    ]


def test_the_same_classes_in_another_order_are_an_error():
    with pytest.raises(ValueError, match='in training .*numbers differ'):
        compare_settings(config(), ['benign', 'malignant', 'normal'], checkpoint())
