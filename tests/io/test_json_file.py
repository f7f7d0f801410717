"""JSON that other programs read: without NaN, which Python's json would write."""

import json

import numpy as np
import pytest

from usfm_mm.io.json_file import json_text, write_json


def refuse(text):
    raise ValueError(text)


def test_what_is_not_finite_is_null(tmp_path):
    content = dict(a=float('nan'), b=[np.float64('inf'), (1.5, -np.inf)], organs=dict(heart=None))
    write_json(tmp_path / 'a.json', content)
    text = (tmp_path / 'a.json').read_text()
    expected = dict(a=None, b=[None, [1.5, None]], organs=dict(heart=None))
    assert json.loads(text, parse_constant=refuse) == expected
    assert text.endswith('}\n')


def test_what_json_has_not(tmp_path):
    content = dict(a=np.float32('nan'), b=np.int64(3))
    assert json_text(content, float, None) == '{"a": null, "b": 3.0}'
    with pytest.raises(TypeError):
        json_text(content)
