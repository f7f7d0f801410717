"""Every function on real pictures: batched, from arrays, files and DICOM, in both runtimes.

The demonstration models stand for others. Pictures: the sample of HC18 in the clone, and pydicom's
own files: a phantom (palette, 350 x 800), a lymph node (RGB) and a heart (30 frames, JPEG).
"""

import warnings
from itertools import islice
from types import SimpleNamespace

import highdicom
import numpy as np
import pytest
from pydicom import dcmread, examples

from support.ultrasound_dicom import write_dicom
from usfm_mm.apis import extract_features, load_model, reconstruct, segment, similar
from usfm_mm.inference.features import FeatureTable
from usfm_mm.inference.formats.dicom_seg import read_header, write_dicom_seg
from usfm_mm.inference.frames import frames_of
from usfm_mm.io.image import read_grey
from usfm_mm.models.export import export_onnx

NAMES = ('palette_color', 'rgb_color', 'ybr_color')


@pytest.fixture(scope='module')
def sample(request):
    return request.config.rootpath / 'models' / 'sample_fetal_head.png'


@pytest.fixture(scope='module')
def models(request, tmp_path_factory):
    """Head and encoder in both runtimes, by task and runtime."""
    pytest.importorskip('onnx')
    folder, found = tmp_path_factory.mktemp('exported'), {}
    for task, name in (('segment', 'demo_fetal_head'), ('pretrain', 'demo_encoder')):
        model = load_model(request.config.rootpath / 'models' / f'{name}.safetensors')
        shape = (2, model.card.channels, *model.card.image_size)
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        export_onnx(model, folder / f'{name}.onnx', images)
        found[task, 'torch'] = model
        found[task, 'onnx'] = load_model(folder / f'{name}.onnx')
    return found


@pytest.fixture(scope='module')
def pictures(sample):
    """A picture, two of DICOM files and the first frame of a clip, none square."""
    heart = next(frames_of(examples.get_path('ybr_color'))).pixels
    dicom = [next(frames_of(examples.get_path(name))).pixels for name in NAMES[:2]]
    found = [read_grey(sample), *dicom, heart]
    assert len({pixels.shape[:2] for pixels in found}) == 3
    return found


@pytest.mark.parametrize('runtime', ['torch', 'onnx'])
def test_segment_batched_is_single_in_the_pictures_geometry(models, pictures, runtime):
    model = models['segment', runtime]
    together = list(segment(model, pictures, batch_size=4))
    for pixels, answer in zip(pictures, together, strict=True):
        [alone] = segment(model, pixels)
        assert answer.mask.shape == answer.probabilities.shape[1:] == pixels.shape[:2]
        np.testing.assert_allclose(answer.probabilities, alone.probabilities, atol=1e-5)
        sure = np.abs(alone.probabilities[1] - 0.5) > 1e-4
        np.testing.assert_array_equal(answer.mask[sure], alone.mask[sure])
        np.testing.assert_array_equal(answer.frame.pixels, pixels)


def test_segment_runtimes_agree(models, pictures):
    one, other = (list(segment(models['segment', r], pictures)) for r in ('torch', 'onnx'))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=2e-5)
    assert 0.1 < one[0].mask.mean() < 0.3  # there is a head


@pytest.mark.parametrize('runtime', ['torch', 'onnx'])
def test_array_is_file_is_dicom(models, sample, tmp_path, runtime):
    pixels = read_grey(sample)
    dicom = write_dicom(tmp_path / 'a.dcm', np.stack([pixels, pixels[::-1]]))
    masks = [answer.mask for answer in segment(models['segment', runtime], [pixels, sample, dicom])]
    assert len(masks) == 4
    np.testing.assert_array_equal(masks[1], masks[0])
    np.testing.assert_array_equal(masks[2], masks[0])
    assert (masks[3] != masks[0]).any()  # the other frame is another one
    vectors = extract_features(models['pretrain', runtime], [pixels, sample, dicom])
    np.testing.assert_allclose(vectors[1:3], vectors[:1].repeat(2, 0), atol=1e-4)
    if runtime == 'torch':
        rebuilt = [answer.image for answer in reconstruct(models['pretrain', runtime], pixels)]
        rebuilt += [answer.image for answer in reconstruct(models['pretrain', runtime], sample)]
        assert np.abs(rebuilt[0].astype(int) - rebuilt[1]).max() <= 1


@pytest.mark.parametrize('runtime', ['torch', 'onnx'])
def test_frames_of_a_real_clip(models, runtime):
    clip = examples.get_path('ybr_color')
    frames = [frame.pixels for frame in frames_of(clip)]
    expected = list(segment(models['segment', runtime], frames[:3], batch_size=1))
    found = list(islice(segment(models['segment', runtime], clip), 3))
    for number, (answer, one) in enumerate(zip(found, expected, strict=True)):
        assert answer.frame.number == number
        assert answer.mask.shape == (240, 320)
        np.testing.assert_allclose(answer.probabilities, one.probabilities, atol=1e-5)


def test_cropped_pictures_have_their_own_geometry(models, pictures):
    """A crop is answered in the crop's pixels, which put back lie where they were."""
    model, pixels = models['segment', 'torch'], pictures[1]
    part = pixels[40:300, 100:517]
    [answer], [copy] = segment(model, part), segment(model, np.ascontiguousarray(part))
    assert answer.mask.shape == (260, 417)
    np.testing.assert_array_equal(answer.mask, copy.mask)
    whole = np.zeros(pixels.shape[:2], np.uint8)
    whole[40:300, 100:517] = answer.mask
    assert whole.sum() == answer.mask.sum()
    np.testing.assert_array_equal(answer.frame.pixels, pixels[40:300, 100:517])


def test_features_batched_runtimes_and_similar(models, pictures):
    encoders = [models['pretrain', runtime] for runtime in ('torch', 'onnx')]
    one, other = (extract_features(encoder, pictures, batch_size=4) for encoder in encoders)
    np.testing.assert_allclose(one, other, atol=1e-4)
    for encoder, vectors in zip(encoders, (one, other), strict=True):
        alone = extract_features(encoder, pictures, batch_size=1)
        np.testing.assert_allclose(vectors, alone, atol=1e-4)
        table = FeatureTable(vectors, ['head', *NAMES], [0] * 4)
        for name, [nearest, *_] in zip(
            table.sources, similar(encoder, pictures, table, k=2), strict=True
        ):
            assert nearest.source == name
            assert nearest.cosine == pytest.approx(1, abs=1e-5)


def test_reconstruct_batched_is_single(models, pictures):
    model = models['pretrain', 'torch']
    patches = np.random.default_rng(0).permutation(49).reshape(7, 7) < 20
    bands = np.eye(7, dtype=bool)[3]
    together = list(reconstruct(model, pictures, patches, bands, batch_size=4))
    for pixels, answer in zip(pictures, together, strict=True):
        [alone] = reconstruct(model, pixels, patches, bands)
        assert answer.image.shape == answer.error.shape == pixels.shape[:2]
        assert np.abs(answer.image.astype(int) - alone.image).max() <= 1


@pytest.mark.parametrize('name', NAMES)
def test_dicom_seg_lies_on_its_real_source(models, tmp_path, name):
    source = examples.get_path(name)
    answer = next(iter(segment(models['segment', 'torch'], source, batch_size=1, threshold=0.05)))
    mask = answer.mask.copy()
    mask[5:9, 3:30] = 1  # not symmetric: a turn or mirror would show
    write_dicom_seg(
        tmp_path / 'seg.dcm',
        mask,
        0,
        read_header(source),
        SimpleNamespace(classes=['background', 'head']),
    )
    original = dcmread(source)
    plain = dcmread(tmp_path / 'seg.dcm')
    pixels = plain.pixel_array.reshape(mask.shape)
    np.testing.assert_array_equal(pixels, mask == 1)
    assert (plain.Rows, plain.Columns) == (original.Rows, original.Columns)
    [instance] = plain.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert instance.ReferencedSOPInstanceUID == original.SOPInstanceUID
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of reading pydicom's file
        found = highdicom.seg.segread(tmp_path / 'seg.dcm')
    [again] = found.get_pixels_by_source_instance([original.SOPInstanceUID], combine_segments=True)
    np.testing.assert_array_equal(again, mask)
