"""Every format of usfm predict and extract-features, of real pictures, read back by others.

A head of HC18, a phantom, and a heart of 30 frames, both of pydicom.
"""

import csv
import warnings
from itertools import islice
from pathlib import Path

import av
import highdicom
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom import dcmread, examples

from usfm_mm.__main__ import main
from usfm_mm.apis import extract_features, load_backbone, load_model, segment
from usfm_mm.inference.sources import names_of
from usfm_mm.visualization.overlay import overlay

FORMATS = ('mask', 'overlay', 'clip', 'nifti', 'dicom-seg')


@pytest.fixture(scope='module')
def sources(shared_data):
    head = shared_data / 'HC18/training_set/001_HC.png'
    return [head, *(Path(examples.get_path(name)) for name in ('palette_color', 'ybr_color'))]


@pytest.fixture(scope='module')
def model(request):
    return request.config.rootpath / 'models' / 'demo_fetal_head.safetensors'


@pytest.fixture(scope='module')
def written(model, sources, tmp_path_factory):
    """The folder of the answers, and the answers by the names of their sources."""
    out = tmp_path_factory.mktemp('answers') / 'out'
    options = ['--formats', *FORMATS, '--threshold', '0.05', '--batch-size', '8']
    main(['predict', str(model), *map(str, sources), '--out', str(out), *options])
    found = {}
    for name, source in zip(names_of(sources), sources, strict=True):
        found[name] = list(segment(load_model(model), source, batch_size=8, threshold=0.05))
    assert [len(answers) for answers in found.values()] == [1, 1, 30]
    assert all(any(answer.mask.any() for answer in answers) for answers in found.values())
    return out, found


def files_of(out, kind, name, answers, ending='png'):
    if len(answers) == 1:
        return [out / kind / f'{name}.{ending}']
    return [out / kind / name / f'{answer.frame.number:05d}.{ending}' for answer in answers]


def assert_same(written, expected):
    """But for a pixel on an edge: the command's batches are others, and so is the rounding."""
    assert np.shape(written) == np.shape(expected)
    assert np.count_nonzero(np.asarray(written) != expected) <= AN_EDGE


AN_EDGE = 3


def test_masks_and_overlays(written):
    out, found = written
    for name, answers in found.items():
        for answer, file in zip(answers, files_of(out, 'masks', name, answers), strict=True):
            with Image.open(file) as mask:
                assert_same(mask, answer.mask)
                colours = np.reshape(mask.getpalette()[:6], (2, 3))
        for answer, file in zip(answers, files_of(out, 'overlays', name, answers), strict=True):
            with Image.open(file) as drawn:
                expected = overlay(answer.frame.pixels, answer.mask, colours)
                assert_same(np.asarray(drawn).max(-1), expected.max(-1))


def test_nifti(written):
    out, found = written
    for name, answers in found.items():
        volume = sitk.ReadImage(str(out / 'nifti' / f'{name}.nii.gz'))
        masks = [answer.mask for answer in answers]
        for mask, expected in zip(sitk.GetArrayFromImage(volume), masks, strict=True):
            assert_same(mask, expected)
        height, width = answers[0].frame.spacing or (1, 1)
        assert volume.GetSpacing()[:2] == pytest.approx((width, height))


def test_dicom_seg(written, sources):
    out, found = written
    for (name, answers), source in islice(zip(found.items(), sources, strict=True), 1, None):
        original = dcmread(source)
        files = files_of(out, 'dicom-seg', name, answers, 'dcm')
        for answer, file in islice(zip(answers, files, strict=True), 0, None, 10):
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # of reading pydicom's files
                read = highdicom.seg.segread(file)
            plain = dcmread(file)
            assert_same(plain.pixel_array.squeeze(), answer.mask)
            assert [one.SegmentLabel for one in read.SegmentSequence] == ['head']
            [instance] = plain.ReferencedSeriesSequence[0].ReferencedInstanceSequence
            assert instance.ReferencedSOPInstanceUID == original.SOPInstanceUID
    assert not (out / 'dicom-seg' / f'{next(iter(found))}.dcm').exists()  # of a PNG


def test_clip(written, model):
    """H.264 keeps no exact pixels, but the picture, its place in time and its size."""
    out, found = written
    (file,) = (out / 'clips').rglob('*.mp4')
    answers = list(found.values())[2]
    with av.open(str(file)) as container:
        rate = float(container.streams.video[0].average_rate)
        frames = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    assert rate == pytest.approx(answers[0].frame.rate, rel=0.01)
    colours = load_model(model).card.palette
    for frame, answer in zip(frames, answers, strict=True):
        expected = overlay(answer.frame.pixels, answer.mask, colours)
        assert frame.shape == expected.shape
        assert np.abs(frame.astype(int) - expected).mean() < 4
        inside = answer.mask == 1
        if inside.sum() > 500:
            difference = frame[inside].astype(int) - expected[inside]
            assert np.abs(difference.mean(0)).max() < 4  # and red is red


def test_table(written, sources):
    out, found = written
    rows = list(csv.DictReader((out / 'predictions.csv').open()))
    answers = [answer for several in found.values() for answer in several]
    for row, answer in zip(rows, answers, strict=True):
        assert (row['file'], int(row['frame'])) == (answer.frame.source, answer.frame.number)
        assert abs(int(row['head_px']) - (answer.mask == 1).sum()) <= AN_EDGE
        if answer.frame.spacing is None:
            assert row['head_mm2'] == ''
        else:
            area = int(row['head_px']) * np.prod(answer.frame.spacing)
            assert float(row['head_mm2']) == pytest.approx(area, abs=1e-3)
        if answer.frame.several:
            assert float(row['time_s']) == pytest.approx(answer.frame.time, abs=1e-4)


@pytest.mark.parametrize('ending', ['npz', 'parquet'])
def test_features(model, sources, tmp_path, ending):
    model = model.with_name('demo_encoder.safetensors')
    file = tmp_path / f'features.{ending}'
    main(['extract-features', str(model), *map(str, sources[:2]), '--out', str(file)])
    if ending == 'npz':
        with np.load(file) as content:
            vectors = content['features']
    else:
        vectors = np.stack(pd.read_parquet(file)['features'])
    expected = extract_features(load_backbone(model), sources[:2])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
