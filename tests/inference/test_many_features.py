"""Features of many files in one file."""

import os

import cv2
import numpy as np
import pytest

from support.ultrasound_dicom import write_dicom
from usfm_mm.inference.features import read_features
from usfm_mm.inference.many_features import extract_to_file
from usfm_mm.inference.prepare import prepare_for_features
from usfm_mm.inference.sources import list_files

RNG = np.random.default_rng(0)


class Means:
    """Means of the quarters of a picture; tells batches apart by their size."""

    calls = 0

    def prepare(self, image):
        return prepare_for_features(image, 1, (2, 2))

    def encode(self, images):
        type(self).calls += 1
        return images.reshape(len(images), 4).astype(np.float32) + np.float32(1e-3 * len(images))


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / 'scans'
    folder.mkdir()
    for n in range(5):
        cv2.imwrite(str(folder / f'p{n}.png'), RNG.integers(0, 256, (40, 60), np.uint8))
    write_dicom(folder / 'clip.dcm', RNG.integers(0, 256, (3, 40, 60), np.uint8))
    (folder / 'cut.png').write_bytes((folder / 'p0.png').read_bytes()[:500])
    return folder


def extracted(scans, out, about=None, **kwargs):
    done = []
    files = list_files(scans).files
    problems = extract_to_file(files, Means(), out, about or {}, 2, done.append, **kwargs)
    assert sum(done) in (len(files), len(files) - len(problems))
    return problems


@pytest.mark.parametrize('name', ['f.parquet', 'f.npz'])
def test_rows_are_those_of_the_frames(scans, tmp_path, name):
    [problem] = extracted(scans, tmp_path / name)
    assert 'cut.png' in problem
    table = read_features(tmp_path / name)
    names = [os.path.basename(source) for source in table.sources]
    assert names == ['clip.dcm'] * 3 + [f'p{n}.png' for n in range(5)]
    assert table.numbers == [0, 1, 2, 0, 0, 0, 0, 0]
    image = cv2.imread(str(scans / 'p4.png'), cv2.IMREAD_GRAYSCALE)
    means = image.reshape(2, 20, 2, 30).mean((1, 3)).ravel()
    np.testing.assert_allclose(table.vectors[-1], means, atol=0.6)


def test_run_again_does_what_is_missing_and_gives_the_same_file(scans, tmp_path):
    extracted(scans, tmp_path / 'whole.npz')
    out = tmp_path / 'f.npz'
    hidden = tmp_path / 'p4.png'
    (scans / 'p4.png').rename(hidden)
    extracted(scans, out)
    Means.calls = 0
    assert len(extracted(scans, out)) == 1
    assert Means.calls == 0
    hidden.rename(scans / 'p4.png')
    extracted(scans, out)
    assert Means.calls == 1
    assert out.read_bytes() == (tmp_path / 'whole.npz').read_bytes()


def test_what_was_saved_before_an_end_in_the_middle_is_kept(scans, tmp_path, monkeypatch):
    out = tmp_path / 'f.npz'
    encode = Means.encode
    Means.calls = 0

    def breaks(self, images):
        if Means.calls == 3:
            raise KeyboardInterrupt
        return encode(self, images)

    monkeypatch.setattr(Means, 'encode', breaks)
    with pytest.raises(KeyboardInterrupt):
        extracted(scans, out, save_every=0)
    assert 0 < len(read_features(out).sources) < 8
    monkeypatch.setattr(Means, 'encode', encode)
    extracted(scans, out)
    extracted(scans, tmp_path / 'whole.npz')
    assert out.read_bytes() == (tmp_path / 'whole.npz').read_bytes()


def test_files_of_others_stay(scans, tmp_path):
    out = tmp_path / 'f.parquet'
    extracted(scans, out, dict(model='a'))
    other = tmp_path / 'other'
    other.mkdir()
    cv2.imwrite(str(other / 'q.png'), RNG.integers(0, 256, (40, 60), np.uint8))
    extracted(other, out, dict(model='a'))
    assert len(read_features(out).sources) == 9
    with pytest.raises(ValueError, match='another model'):
        extracted(other, out, dict(model='b'))


def test_nothing_that_can_be_read(scans, tmp_path):
    with pytest.raises(ValueError, match=r'none of 1 files can be read.*cut\.png'):
        extract_to_file([scans / 'cut.png'], Means(), tmp_path / 'f.npz', {}, 2, lambda n: None)
