"""usfm export --int8: smaller, close to the model, and its cost is what anybody measures."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from support.answering import CLASSIFY, SEGMENT, saved
from usfm_mm.__main__ import main
from usfm_mm.apis import load_model
from usfm_mm.evaluation.prepared import score_prepared
from usfm_mm.io.image import read_grey

pytest.importorskip('onnx')
ROOT = Path(__file__).resolve().parents[2]
AFRESH = """
import sys
sys.modules['torch'] = None
import numpy as np
from usfm_mm import apis
file, images, out = sys.argv[1:]
model = apis.load_model(file)
if model.card.task == 'segment':
    np.savez(out, *[answer.mask for answer in apis.segment(model, images, batch_size=1)])
else:
    np.savez(out, *[answer.label for answer in apis.classify(model, images, batch_size=2)])
"""


def answers_afresh(file, images, out):
    command = [sys.executable, '-c', AFRESH, str(file), str(images), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(out) as found:
        return list(found.values())


def exported(name, folder, capsys):
    """Both scores that the command tells, the file, and the float one beside it."""
    model, images = saved(name, folder)
    small, exact, root = folder / 'int8.onnx', folder / 'float.onnx', Path(images).parent
    main(['export', model, str(small), '--int8', '--test-data', str(root)])
    told = capsys.readouterr().out
    main(['export', model, str(exact)])
    assert small.stat().st_size < exact.stat().st_size
    pattern = r'(\w+) on (\d+) test images: float ([\d.]+), int8 ([\d.]+), difference ([+-][\d.]+)'
    measure, count, *values = re.search(pattern, told).groups()
    before, after, difference = map(float, values)
    assert difference == pytest.approx(after - before, abs=0.011)
    return (measure, int(count), before, after), small, exact, root


def test_cost_of_a_segmentation_is_what_a_fresh_process_computes(tmp_path, capsys):
    (measure, count, *told), *files, root = exported(SEGMENT, tmp_path, capsys)
    assert (measure, count) == ('DSC', 3)
    small, exact = files
    for value, file in zip(told, (exact, small), strict=True):
        scores = []
        masks = answers_afresh(file, root / 'images' / 'test_*.png', tmp_path / 'masks.npz')
        for n, mask in enumerate(masks):
            truth = read_grey(root / 'masks' / f'test_{n}.png')
            both = ((mask == 1) & (truth == 1)).sum()
            scores.append(200 * both / ((mask == 1).sum() + (truth == 1).sum()))
        assert value == pytest.approx(np.mean(scores), abs=0.006)
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), np.uint8)
    model, rough = load_model(exact), load_model(small)
    assert rough.card == model.card
    assert 0 < np.abs(model(images) - rough(images)).max() < 0.2
    # Its scales are of one image, whatever else is asked.
    np.testing.assert_array_equal(rough(images)[:1], rough(images[:1]))


def test_cost_of_a_classification_is_what_a_fresh_process_computes(tmp_path, capsys):
    (measure, count, *told), small, exact, root = exported(CLASSIFY, tmp_path, capsys)
    assert (measure, count) == ('F1', 3)
    classes = load_model(exact).card.classes
    for value, file in zip(told, (exact, small), strict=True):
        labels = answers_afresh(file, root / 'images' / 'test_*.png', tmp_path / 'labels.npz')
        found = [classes.index(str(label)) for label in labels]
        f1 = 100 * f1_score([0, 1, 0], found, average='macro', zero_division=0)
        assert value == pytest.approx(f1, abs=0.006)
    about = root / 'dataset.json'
    about.write_text(json.dumps(dict(cls_classes=['a', 'b'])))
    with pytest.raises(ValueError, match='has the classes a, b, the model negative, positive'):
        score_prepared(load_model(exact), root)
    (root / 'splits' / 'cls_test.txt').unlink()
    with pytest.raises(ValueError, match=r'cls_test\.txt: no such list'):
        score_prepared(load_model(exact), root)


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        (['a.pt2', '--format', 'torch-export', '--int8'], '--int8 is of ONNX Runtime'),
        (['a.pt2'], 'ends in .onnx'),
        (['a.onnx', '--format', 'torch-export'], 'ends in .pt2'),
        (['a.onnx', '--test-data', 'data'], 'give both'),
    ],
)
def test_options_that_do_not_go_together(options, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(['export', 'a.pth', *options])
    assert text in capsys.readouterr().err
