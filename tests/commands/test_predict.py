"""usfm predict: files of the answers that the Python functions give."""

import csv
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from support.answering import CLASSIFY, SEGMENT, saved
from usfm_mm.__main__ import main
from usfm_mm.apis import load_model, occlude, reconstruct, rollout, segment
from usfm_mm.apis.model import build
from usfm_mm.io.card import CARD_KEY, Card

RNG = np.random.default_rng(0)


@pytest.fixture(scope='module')
def segmenter(tmp_path_factory):
    return saved(SEGMENT, tmp_path_factory.mktemp('seg'))


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    return saved(CLASSIFY, tmp_path_factory.mktemp('cls'))


def rows_of(out):
    with (out / 'predictions.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_segments_a_folder(segmenter, tmp_path, capsys):
    model, images = segmenter
    main(['predict', model, images, '--out', str(tmp_path / 'out'), '--batch-size', '4'])
    assert capsys.readouterr().out.strip() == str(tmp_path / 'out' / 'predictions.csv')
    answers = list(segment(load_model(model), images, batch_size=4))
    rows = rows_of(tmp_path / 'out')
    assert [int(row['foreground_px']) for row in rows] == [
        answer.areas_px['foreground'] for answer in answers
    ]
    for answer in answers:
        name = os.path.basename(answer.frame.source)
        with Image.open(tmp_path / 'out' / 'masks' / name) as mask:
            np.testing.assert_array_equal(np.asarray(mask), answer.mask)
        with Image.open(tmp_path / 'out' / 'overlays' / name) as overlay:
            assert overlay.size == answer.mask.shape[::-1]


def test_classifies_with_an_ensemble(classifier, tmp_path):
    model, images = classifier
    main(['predict', model, images, '--ensemble', model, '--out', str(tmp_path / 'out')])
    rows = rows_of(tmp_path / 'out')
    assert len(rows) == 9
    assert {float(row['variance']) for row in rows} == {0.0}
    for row in rows:
        scores = [float(row[f'score_{name}']) for name in ('negative', 'positive')]
        assert sum(scores) == pytest.approx(1, abs=1e-5)
        assert row['label'] == ('negative', 'positive')[int(np.argmax(scores))]


@pytest.mark.parametrize('method', ['occlusion', 'rollout'])
def test_explains_a_classification(classifier, tmp_path, method):
    model, images = classifier
    picture = sorted(os.listdir(images))[0]
    out = tmp_path / 'out'
    main(['predict', model, os.path.join(images, picture), '--out', str(out), '--explain', method])
    name = os.path.splitext(picture)[0]
    values = np.load(out / 'explained' / f'{name}.npy')
    function = occlude if method == 'occlusion' else rollout
    [answer] = function(load_model(model), os.path.join(images, picture))
    expected = answer.drop if method == 'occlusion' else answer.share - 1
    np.testing.assert_allclose(values, expected, atol=1e-6)
    with Image.open(out / 'explained' / f'{name}.png') as image:
        drawn = np.asarray(image)
    pixels = np.stack([np.asarray(Image.open(os.path.join(images, picture)))] * 3, -1)
    assert drawn.shape == (70, 90, 3)
    np.testing.assert_array_equal(drawn[values <= 0], pixels[values <= 0])
    assert (drawn[values > 0.5 * values.max()] != pixels[values > 0.5 * values.max()]).any()


def test_reconstructs_with_a_pre_trained_model(tmp_path):
    arch = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
    backbone = dict(type='usfm_mm.USFMViT', arch=arch, img_size=64, in_channels=1)
    config = dict(
        type='usfm_mm.USFMPretrainer',
        backbone=dict(**backbone, out_type='featmap', final_norm=True),
        data_preprocessor=dict(type='usfm_mm.DualMaskDataPreprocessor', mean=[55.0], std=[50.0]),
    )
    card = Card('pretrain', arch, (64, 64), 1, [55.0], [50.0], config=dict(model=config))
    content = dict(state_dict=build(card).state_dict(), meta={CARD_KEY: card.to_dict()})
    torch.save(content, tmp_path / 'pre.pth')
    cv2.imwrite(str(tmp_path / 'a.png'), RNG.integers(0, 256, (60, 80), np.uint8))
    files = [str(tmp_path / name) for name in ('pre.pth', 'a.png')]
    main(['predict', *files, '--out', str(tmp_path / 'out'), '--seed', '3'])
    [answer] = reconstruct(load_model(files[0]), files[1], seed=3)
    with Image.open(tmp_path / 'out' / 'images' / 'a.png') as image:
        panel = np.asarray(image)
    assert panel.shape == (60, 4 * 80, 3)  # masked, rebuilt, original, error
    np.testing.assert_array_equal(panel[:, :80, 0], answer.masked)
    np.testing.assert_array_equal(panel[:, 80:160, 0], answer.image)
    [row] = rows_of(tmp_path / 'out')
    assert float(row['mean_error']) == pytest.approx(answer.error.mean(), abs=1e-3)


@pytest.mark.slow
def test_killed_and_run_again_gives_the_same_files(segmenter, tmp_path):
    model, _ = segmenter
    scans = tmp_path / 'scans'
    scans.mkdir()
    for n in range(12):
        cv2.imwrite(str(scans / f'{n:02d}.png'), RNG.integers(0, 256, (700, 900), np.uint8))
    options = ['--batch-size', '3', '--device', 'cpu']

    def start(out):
        command = [sys.executable, '-m', 'usfm_mm', 'predict', model, str(scans), '--out', str(out)]
        return subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)

    assert start(tmp_path / 'whole').wait() == 0
    process = start(tmp_path / 'out')
    while process.poll() is None and not list((tmp_path / 'out').glob('tables/0[2-9].csv')):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list((tmp_path / 'out' / 'tables').glob('*.csv'))) < 12
    assert not (tmp_path / 'out' / 'predictions.csv').exists()
    assert start(tmp_path / 'out').wait() == 0
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


def test_what_cannot_be_read_is_told_and_the_rest_done(segmenter, tmp_path, capsys):
    model, _ = segmenter
    scans = tmp_path / 'scans'
    scans.mkdir()
    cv2.imwrite(str(scans / 'a.png'), RNG.integers(0, 256, (60, 80), np.uint8))
    (scans / 'b.png').write_bytes((scans / 'a.png').read_bytes()[:300])
    with pytest.raises(SystemExit) as end:
        main(['predict', model, str(scans), '--out', str(tmp_path / 'out')])
    assert end.value.code == 1
    assert '1 could not be read, the rest is done:' in (error := capsys.readouterr().err)
    assert f'{scans / "b.png"}: ' in error
    assert len(rows_of(tmp_path / 'out')) == 1


def test_images_of_16_bits_are_scaled_alike_and_told(segmenter, tmp_path, capsys, recwarn):
    model, _ = segmenter
    scans = tmp_path / 'scans'
    scans.mkdir()
    dark = RNG.integers(0, 1000, (60, 80), np.uint16)
    cv2.imwrite(str(scans / 'dark.png'), dark)
    cv2.imwrite(str(scans / 'light.png'), dark * 4)
    main(['predict', model, str(scans), '--out', str(tmp_path / 'out'), '--batch-size', '1'])
    assert 'Images of 16 bits per sample: 12 bits are used, 0 to 4095' in capsys.readouterr().err
    assert not [w for w in recwarn if '16 bits' in str(w.message)]
    answers = list(segment(load_model(model), scans, batch_size=1))
    assert [int(answer.frame.pixels.max()) for answer in answers][0] < 64
    assert [int(row['foreground_px']) for row in rows_of(tmp_path / 'out')] == [
        answer.areas_px['foreground'] for answer in answers
    ]
    cv2.imwrite(str(scans / 'lighter.png'), dark * 60)  # the earlier answers are of another scale
    with pytest.raises(SystemExit):
        main(['predict', model, str(scans), '--out', str(tmp_path / 'out'), '--batch-size', '1'])
    assert 'made with other settings (bits)' in capsys.readouterr().err


def test_the_output_is_looked_at_before_a_model_is_loaded(segmenter, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('usfm_mm.apis.loading.load_model', None)  # not called
    model, images = segmenter
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'notes.txt').write_text('mine')
    (tmp_path / 'file').write_text('')
    for arguments, text in (
        ([model, images, '--out', str(tmp_path / 'full')], 'is not empty: give --out a folder'),
        ([model, images, '--out', str(tmp_path / 'file' / 'x')], 'cannot be written to (Not a dir'),
        (['gone.pth', images, '--out', str(tmp_path / 'o')], 'gone.pth: no such model. It is a c'),
        ([model, 'gone', '--out', str(tmp_path / 'o')], 'gone does not exist'),
    ):
        with pytest.raises(SystemExit):
            main(['predict', *arguments])
        error = capsys.readouterr().err
        assert error.startswith('error: ')
        assert text in error
    assert not (tmp_path / 'o').exists()


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        (['--formats', 'nifti'], "'classify' has overlay, clip"),
        (['--threshold', '3'], 'threshold must be in 0 to 1'),
        (['--batch-size', '0'], 'batch_size'),
        (['--explain', 'rollout', '--ensemble', 'MODEL'], 'not an ensemble'),
    ],
)
def test_errors_are_one_line(classifier, tmp_path, capsys, options, text):
    model, images = classifier
    options = [model if option == 'MODEL' else option for option in options]
    with pytest.raises(SystemExit) as end:
        main(['predict', model, images, '--out', str(tmp_path / 'out'), *options])
    assert end.value.code == 1
    error = capsys.readouterr().err
    assert text in error
    assert error.count('error: ') == 1
    assert not (tmp_path / 'out').exists()
