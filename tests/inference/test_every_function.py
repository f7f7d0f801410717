"""Every function of inference on real pictures of all kinds, by small random models.

The demonstration models, and masks that are right, are in ``test_real_pictures.py``.
"""

from importlib.util import find_spec
from itertools import islice

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import examples

from support.answering import CLASSIFY, SEGMENT, pretrained, saved, saved_enhancer
from support.ultrasound_dicom import write_dicom
from usfm_mm import apis
from usfm_mm.inference.features import FeatureTable
from usfm_mm.inference.frames import frames_of
from usfm_mm.io.image import read_grey
from usfm_mm.models.export import export_onnx

VALUES = dict(
    segment=lambda answer: answer.probabilities,
    enhance=lambda answer: answer.image / 255,
    reconstruct=lambda answer: answer.image / 255,
    occlude=lambda answer: answer.drop,
    rollout=lambda answer: answer.share,
    classify=lambda answer: np.array([*answer.scores.values()]),
    extract_features=lambda vector: vector,
    similar=lambda neighbours: np.array([one.cosine for one in neighbours]),
)
"""What is compared, by function."""
ENCODES = ('extract_features', 'similar')
IN_PLACE = ('segment', 'enhance', 'reconstruct', 'occlude', 'rollout')
"""Functions whose answers lie on the picture."""
OPTIONS = dict(
    reconstruct=dict(patch_mask=np.eye(4, dtype=bool), bands=np.arange(7) == 3),
    occlude=dict(grid=3),
)
TASKS = dict(segment='segment', enhance='enhance', reconstruct='pretrain')
TASKS |= dict(extract_features='pretrain', similar='pretrain')
# Probabilities, scores and cosines; one level of grey; shares and features are of the order of 1.
TOLERANCES = dict.fromkeys(VALUES, 2e-5) | dict(enhance=1 / 255, reconstruct=1 / 255)
TOLERANCES |= dict(rollout=1e-4, extract_features=2e-4)


@pytest.fixture(scope='module')
def models(tmp_path_factory, pictures):
    """By task and runtime, and the features of the pictures."""
    if find_spec('mmagic') is None:
        pytest.skip('mmagic is not installed')
    pytest.importorskip('onnx')
    folder, found = tmp_path_factory.mktemp('models'), {}
    for name in (SEGMENT, CLASSIFY):
        model = apis.load_model(saved(name, folder / name.rpartition('/')[2])[0])
        found[model.card.task, 'torch'] = model
    found['enhance', 'torch'] = apis.load_model(saved_enhancer(folder))
    found['pretrain', 'torch'] = pretrained('tiny', (64, 64))
    for (task, _), model in list(found.items()):
        images = np.random.default_rng(0).integers(
            0, 256, (2, model.card.channels, *model.card.image_size), np.uint8
        )
        export_onnx(model, folder / f'{task}.onnx', images)
        found[task, 'onnx'] = apis.load_model(folder / f'{task}.onnx')
    vectors = apis.extract_features(found['pretrain', 'torch'], pictures)
    names = [str(number) for number in range(len(pictures))]
    found['index'] = FeatureTable(vectors, names, [0] * len(names))
    return found


@pytest.fixture(scope='module')
def picture(shared_data):
    """Path of a breast: 320 pixels wide, not square."""
    return shared_data / 'BUSI/Dataset_BUSI_with_GT/benign/benign (10).png'


@pytest.fixture(scope='module')
def pictures(shared_data, picture):
    """Pictures of other sizes: breast, nerve, phantom, head, abdomen, and a part of the head."""
    nerve = min((shared_data / 'USGRA/dataset/images').iterdir())
    head = read_grey(shared_data / 'HC18/training_set/001_HC.png')
    phantom = next(frames_of(examples.get_path('palette_color'))).pixels
    abdomen = shared_data / 'USAnotAI/train/bladder-0000.png'
    return [picture, nerve, phantom, head, abdomen, head[30:171, 51:-40]]


def ask(function, models, pictures, runtime='torch', **options):
    """Answers of a function, one after another."""
    model = models[TASKS.get(function, 'classify'), runtime]
    if function == 'similar':
        options |= dict(features=models['index'], k=2)
    return getattr(apis, function)(model, pictures, **OPTIONS.get(function, {}), **options)


def values(function, *arguments, **options):
    """What is compared of each answer."""
    return [VALUES[function](answer) for answer in ask(function, *arguments, **options)]


def check(function, found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=TOLERANCES[function])


@pytest.mark.parametrize('function', VALUES)
def test_batched_is_single_in_the_pictures_geometry(models, pictures, function):
    together = values(function, models, pictures)
    alone = [values(function, models, [picture])[0] for picture in pictures]
    check(function, together, alone)
    if function == 'similar':
        found = ask(function, models, pictures)
        assert [near[0].source for near in found] == [str(n) for n in range(len(pictures))]
        return
    assert len({value.tobytes() for value in together}) == len(pictures)  # they tell apart
    if function in IN_PLACE:
        sizes = [frame.pixels.shape[:2] for frame in frames_of(pictures)]
        assert len(set(sizes)) >= 5
        assert [value.shape[-2:] for value in together] == sizes


@pytest.mark.parametrize('function', VALUES)
def test_array_is_file_is_dicom_is_nifti(models, picture, tmp_path, function):
    pixels = read_grey(picture)
    dicom = write_dicom(tmp_path / 'a.dcm', np.stack([pixels, pixels[::-1]]))
    sitk.WriteImage(sitk.GetImageFromArray(pixels[None]), str(tmp_path / 'a.nii.gz'))
    kinds = [pixels, picture, np.stack([pixels] * 3, axis=-1), tmp_path / 'a.nii.gz', dicom]
    expected, *same, second = values(function, models, kinds)
    check(function, same, [expected] * 4)
    check(function, [second], values(function, models, pixels[::-1]))
    assert np.abs(second - expected).max() > TOLERANCES[function]


@pytest.mark.parametrize('function', VALUES)
def test_frames_of_a_clip_are_pictures(models, shared_data, function):
    clip = shared_data / 'COVID-BLUES/lus_videos/patient_5_R3.mp4'
    frames = [frame.pixels for frame in islice(frames_of(clip), 3)]
    found = list(islice(ask(function, models, clip), 3))
    check(
        function, [VALUES[function](answer) for answer in found], values(function, models, frames)
    )
    if hasattr(found[0], 'frame'):
        assert [answer.frame.number for answer in found] == [0, 1, 2]
        assert [answer.frame.time for answer in found] == [
            n / found[0].frame.rate for n in range(3)
        ]


@pytest.mark.parametrize('function', ['segment', 'classify', 'enhance', 'occlude', *ENCODES])
def test_runtimes_agree(models, pictures, function):
    check(function, *(values(function, models, pictures, runtime) for runtime in ('onnx', 'torch')))


@pytest.mark.parametrize(
    ('function', 'told'), [('reconstruct', 'checkpoint'), ('rollout', 'attention')]
)
def test_what_exported_models_cannot_do_is_told(models, picture, function, told):
    with pytest.raises(ValueError, match=told):
        list(ask(function, models, picture, 'onnx'))
