"""Answers about many files: complete, continued, and with what cannot be read told at the end."""

import csv
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, examples
from pydicom.encaps import encapsulate, generate_frames

from support.ultrasound_dicom import write_dicom
from usfm_mm.inference.frames import frames_of
from usfm_mm.inference.many import answer_files
from usfm_mm.inference.output_folder import output_folder
from usfm_mm.inference.predict import classify_frames, segment_frames
from usfm_mm.inference.source_writer import SourceWriter
from usfm_mm.inference.sources import list_files

RNG = np.random.default_rng(0)


class Bright:
    """Says of each pixel whether it is bright."""

    card = SimpleNamespace(
        task='segment',
        image_size=(32, 48),
        channels=1,
        classes=['background', 'blob'],
        palette=[[0, 0, 0], [0, 200, 0]],
        kind='class',
        clip_frames=None,
    )
    calls = 0

    def __call__(self, images):
        type(self).calls += 1
        inside = images[:, 0] / np.float32(255)
        return np.stack([1 - inside, inside], 1)


class Light(Bright):
    """Says of a picture whether it is bright."""

    card = SimpleNamespace(
        task='classify',
        image_size=(32, 48),
        channels=1,
        classes=['dark', 'light'],
        palette=[],
        kind='class',
        clip_frames=None,
    )

    def __call__(self, images):
        mean = images.mean((1, 2, 3)) / np.float32(255)
        return np.stack([1 - mean, mean], 1)


def write(path, image):
    path.write_bytes(cv2.imencode('.png', image)[1].tobytes())


@pytest.fixture
def scans(tmp_path):
    """Five pictures of other sizes, a clip in DICOM, and a file that is cut off."""
    folder = tmp_path / 'scans'
    folder.mkdir()
    for n in range(5):
        image = RNG.integers(0, 256, (40 + n, 60), np.uint8)
        write(folder / f'p{n}.png', image)
    clip = RNG.integers(0, 256, (3, 41, 61), np.uint8)
    write_dicom(folder / 'clip.dcm', clip, PixelSpacing=[0.5, 0.5], FrameTime=100.0)
    (folder / 'cut.png').write_bytes((folder / 'p0.png').read_bytes()[:500])
    return folder


def answered(scans, out, formats=('mask', 'overlay'), model=None, group_size=2):
    model = model or Bright()
    frames = segment_frames if model.card.task == 'segment' else classify_frames
    done = []
    with output_folder(out, dict(formats=list(formats))):
        problems = answer_files(
            list_files(scans).files,
            lambda stream: frames([model], stream, 2, False, None),
            lambda name, source: SourceWriter(out, name, source, formats, [model.card]),
            out,
            group_size,
            done.append,
        )
    return problems, sum(done)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_files_are_those_of_the_answers(scans, tmp_path):
    problems, done = answered(scans, tmp_path / 'out')
    assert done == 7
    [problem] = problems
    assert problem.startswith(str(scans / 'cut.png'))
    assert 'truncated' in problem
    answers = list(segment_frames([Bright()], frames_of(scans, lambda *_: None), 2, False, None))
    rows = list(csv.DictReader((tmp_path / 'out' / 'predictions.csv').open()))
    assert [(row['file'], int(row['frame'])) for row in rows] == [
        (answer.frame.source, answer.frame.number) for answer in answers
    ]
    assert [int(row['blob_px']) for row in rows] == [a.areas_px['blob'] for a in answers]
    assert [row['time_s'] for row in rows] == ['0.0', '0.1', '0.2', *[''] * 5]
    assert float(rows[0]['blob_mm2']) == answers[0].areas_px['blob'] / 4
    for name, answer in (('clip/00001', answers[1]), ('p2', answers[5])):
        with Image.open(tmp_path / 'out' / 'masks' / f'{name}.png') as mask:
            assert mask.mode == 'P'
            assert mask.getpalette()[3:6] == [0, 200, 0]
            np.testing.assert_array_equal(np.asarray(mask), answer.mask)
        with Image.open(tmp_path / 'out' / 'overlays' / f'{name}.png') as overlay:
            drawn = np.asarray(overlay)
        outside = answer.mask == 0
        pixels = answer.frame.pixels
        pixels = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, -1)
        np.testing.assert_array_equal(drawn[outside], pixels[outside])
        assert (drawn[~outside] != pixels[~outside]).any()


def test_a_second_run_does_what_is_missing_and_ends_with_the_same_files(scans, tmp_path):
    out = tmp_path / 'out'
    answered(scans, out)
    expected = contents(out)
    Bright.calls = 0
    problems, done = answered(scans, out)
    assert (Bright.calls, len(problems), done) == (0, 1, 7)
    # As after kill -9: tables of the last sources are missing, and files lie about half written.
    (out / 'tables' / 'p3.csv').unlink()
    (out / 'masks' / 'p3.png').unlink()
    (out / 'predictions.csv').unlink()
    (out / 'masks' / '.p3.png.0f.tmp').write_bytes(b'half')
    answered(scans, out)
    assert Bright.calls == 1
    assert contents(out) == expected


def test_a_file_that_was_mended_or_changed_is_answered(scans, tmp_path):
    out = tmp_path / 'out'
    answered(scans, out)
    write(scans / 'cut.png', np.full((40, 60), 255, np.uint8))
    problems, _ = answered(scans, out)
    assert problems == []
    assert (out / 'masks' / 'cut.png').is_file()
    import os

    write(scans / 'p4.png', np.full((40, 60), 255, np.uint8))
    later = (out / 'tables' / 'p4.csv').stat().st_mtime + 5
    os.utime(scans / 'p4.png', (later, later))
    answered(scans, out)
    assert Image.open(out / 'masks' / 'p4.png').size == (60, 40)


def test_damaged_frames_of_a_clip_stay_in_the_table(scans, tmp_path):
    heart = dcmread(examples.get_path('ybr_color'))
    frames = list(generate_frames(heart.PixelData, number_of_frames=30))[:3]
    heart.PixelData = encapsulate([frames[0], b'\xff\xd8' + bytes(500), frames[2]])
    heart.NumberOfFrames = 3
    heart.save_as(scans / 'a_heart.dcm')
    out = tmp_path / 'out'
    problems, _ = answered(scans, out)
    assert any('frame 1: damaged' in problem for problem in problems)
    rows = list(csv.DictReader((out / 'predictions.csv').open()))
    assert [row['problem'] for row in rows][:3] == ['', 'damaged', '']
    assert rows[1]['blob_px'] == ''
    again, _ = answered(scans, out)  # still said, though nothing is done
    assert sorted(again) == sorted(problems)


def test_folders_of_others_are_refused(scans, tmp_path):
    answered(scans, tmp_path / 'out')
    with pytest.raises(ValueError, match=r'other settings \(formats\)'):
        answered(scans, tmp_path / 'out', formats=('mask',))
    with pytest.raises(ValueError, match='not empty'):
        answered(scans, scans)
    with (
        output_folder(tmp_path / 'new', {}),
        pytest.raises(ValueError, match='another run'),
        output_folder(tmp_path / 'new', {}),
    ):
        pass
    other = tmp_path / 'elsewhere'
    other.mkdir()
    write(other / 'p0.png', np.zeros((40, 60), np.uint8))
    with pytest.raises(ValueError, match='holds the answers about'):
        answered(other, tmp_path / 'out')


def test_an_error_of_the_network_ends_the_run(scans, tmp_path):
    class Broken(Bright):
        def __call__(self, images):
            raise RuntimeError('out of memory')

    with pytest.raises(RuntimeError, match='out of memory'):
        answered(scans, tmp_path / 'out', model=Broken())
    assert not list((tmp_path / 'out').rglob('.*.tmp'))


def test_annotated_clip(scans, tmp_path):
    answered(scans, tmp_path / 'out', formats=('clip',))
    assert [p.name for p in (tmp_path / 'out' / 'clips').iterdir()] == ['clip.mp4']
    frames = list(frames_of(tmp_path / 'out' / 'clips' / 'clip.mp4'))
    assert len(frames) == 3
    assert frames[0].rate == pytest.approx(10)
    assert frames[0].pixels.shape == (42, 62, 3)  # even
    mean = [frame.pixels.mean((0, 1)) for frame in frames]
    assert all(green > red + 10 for red, green, _ in mean)


def test_captions_of_a_classification(scans, tmp_path):
    answered(scans, tmp_path / 'out', formats=('overlay',), model=Light())
    rows = list(csv.DictReader((tmp_path / 'out' / 'predictions.csv').open()))
    assert {row['label'] for row in rows} <= {'dark', 'light'}
    assert float(rows[0]['score_dark']) + float(rows[0]['score_light']) == pytest.approx(1)
    with Image.open(tmp_path / 'out' / 'overlays' / 'p0.png') as image:
        drawn = np.asarray(image)
    [frame] = frames_of(scans / 'p0.png')
    np.testing.assert_array_equal(drawn[-40:], frame.pixels)
    assert drawn[:-40].max() > 100  # letters
