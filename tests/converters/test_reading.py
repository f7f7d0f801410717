"""What images and masks are read as: bits, EXIF, pages, and what replaces an earlier conversion."""

import errno
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from support.release_files import SHAPE, image, mask
from usfm_mm.commands.prepare_data import main
from usfm_mm.io.image import read_grey
from usfm_mm.io.image_file import IMAGE_EXTENSIONS


@pytest.fixture
def own(tmp_path):
    for i in range(8):
        image(tmp_path / 'own/images' / f'{i}.png')
        mask(tmp_path / 'own/masks' / f'{i}.png', (3, 9, 3, 20))
    return tmp_path / 'own'


def prepare(own, out, *options):
    main(['folder', str(own), str(out), *options])


def printed(capsys):
    return ' '.join(capsys.readouterr().out.split())


@pytest.mark.parametrize('kind', ['.png', '.tif'])
def test_16_bits_are_scaled_alike_in_the_whole_set(own, tmp_path, capsys, kind):
    highest = {'2': 3000, '3': 1000}
    for name, level in highest.items():
        deep = np.full(SHAPE, level, np.uint16)
        deep[0, 0] = 0
        (own / f'images/{name}.png').unlink()
        (own / f'images/{name}{kind}').write_bytes(cv2.imencode(kind, deep)[1].tobytes())
    prepare(own, tmp_path / 'out')
    assert '2 images have 16 bits per sample, of which 12 are used' in printed(capsys)
    for name, level in highest.items():
        found = read_grey(tmp_path / f'out/images/{name}.png')
        assert (found.min(), found.max()) == (0, round(level * 255 / 4095))
    assert json.loads((tmp_path / 'out/dataset.json').read_text())['bits'] == 12


def test_mean_and_std_of_the_training_images(own, tmp_path):
    prepare(own, tmp_path / 'out')
    names = (tmp_path / 'out/splits/seg_train.txt').read_text().split()
    pixels = np.stack([read_grey(tmp_path / f'out/images/{name}.png') for name in names])
    about = json.loads((tmp_path / 'out/dataset.json').read_text())
    np.testing.assert_allclose([*about['mean'], *about['std']], [pixels.mean(), pixels.std()])


def corner(shape):
    """A mark in one corner, as image and as mask."""
    picture = np.full(shape, 30, np.uint8)
    picture[:8, :16] = 220  # whole blocks of JPEG
    return picture, np.uint8(255 * (picture > 127))


@pytest.mark.parametrize('kind', ['.png', '.jpg', '.tif'])
@pytest.mark.parametrize('way', range(1, 9))
def test_a_mask_follows_its_image_in_all_orientations(own, tmp_path, kind, way):
    exif = Image.Exif()
    exif[0x0112] = way
    picture, drawn = corner((40, 56))
    (own / 'images/0.png').unlink()
    Image.fromarray(picture).save(own / f'images/0{kind}', exif=exif)
    Image.fromarray(drawn).save(own / 'masks/0.png')
    if way in (2, 3, 4):
        with pytest.raises(
            (ValueError, OSError), match=rf'0{kind} is turned by EXIF \(orientation {way}\)'
        ):
            prepare(own, tmp_path / 'out')
        return
    prepare(own, tmp_path / 'out')
    found = read_grey(tmp_path / 'out/images/0.png')
    assert found.shape == ((40, 56) if way == 1 else (56, 40))
    np.testing.assert_array_equal(read_grey(tmp_path / 'out/masks/0.png'), found > 127)
    # a mask that was drawn on the turned picture
    Image.fromarray(np.uint8(255 * (found > 127))).save(own / 'masks/0.png')
    prepare(own, tmp_path / 'again')
    np.testing.assert_array_equal(read_grey(tmp_path / 'again/masks/0.png'), found > 127)


def test_a_square_that_is_turned_may_have_an_empty_mask_only(own, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture, drawn = corner((40, 40))
    Image.fromarray(picture).save(own / 'images/0.png', exif=exif)
    Image.fromarray(drawn).save(own / 'masks/0.png')
    with pytest.raises(
        (ValueError, OSError), match=r'0.png is turned by EXIF .*save the image turned'
    ):
        prepare(own, tmp_path / 'out')
    Image.fromarray(0 * drawn).save(own / 'masks/0.png')
    prepare(own, tmp_path / 'out')
    assert not read_grey(tmp_path / 'out/masks/0.png').any()


def test_gif_is_read_and_several_pages_are_not(own, tmp_path):
    assert '.gif' in IMAGE_EXTENSIONS
    expected = read_grey(own / 'images/0.png')
    for folder in ('images', 'masks'):
        with Image.open(own / folder / '0.png') as saved:
            saved.save(own / folder / '0.gif')
        (own / folder / '0.png').unlink()
    prepare(own, tmp_path / 'out')
    np.testing.assert_array_equal(read_grey(tmp_path / 'out/images/0.png'), expected)
    assert read_grey(tmp_path / 'out/masks/0.png')[3:9, 3:20].all()
    pages = [Image.fromarray(np.full(SHAPE, n, np.uint8)) for n in (1, 2)]
    for name in ('masks/0.tif', 'images/0.gif'):  # images are read first
        (own / name).with_suffix('.gif').unlink()
        pages[0].save(own / name, save_all=True, append_images=pages[1:])
        with pytest.raises((ValueError, OSError), match=f'{name}.* has 2 pages'):
            prepare(own, tmp_path / 'out')


def test_an_earlier_conversion_is_replaced_and_nothing_of_the_users(own, tmp_path):
    out = tmp_path / 'out'
    prepare(own, out)
    prepare(own, out, '--seed', '1')
    assert json.loads((out / 'dataset.json').read_text())['seed'] == 1
    for name in ('notes.txt', 'images/mine.png', 'splits/seg_train_mine.txt'):
        (out / name).write_bytes(b'mine')
        with pytest.raises(
            FileExistsError, match=f'{name} was put there or changed after.*move it away'
        ):
            prepare(own, out)
        assert (out / name).read_bytes() == b'mine'
        (out / name).unlink()
    prepare(own, out)
    corrected = out / 'masks/1.png'
    corrected.write_bytes((own / 'masks/1.png').read_bytes())
    later = (out / '.written').stat().st_mtime_ns + 10**9
    os.utime(corrected, ns=(later, later))
    with pytest.raises((ValueError, OSError), match='1.png was put there or changed'):
        prepare(own, out)


def test_a_full_disk_names_a_file_and_leaves_nothing(own, tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(OSError, match=r"No space left on device: '.*images/0\.png'"):
        prepare(own, tmp_path / 'out')
    assert [path.name for path in tmp_path.iterdir()] == ['own']


def test_a_conversion_for_another_task_is_not_replaced(own, tmp_path):
    prepare(own, tmp_path / 'out')
    for label in 'ab':
        for i in range(6):
            image(tmp_path / 'classes' / label / f'{label}{i}.png')
    with pytest.raises(
        (ValueError, OSError), match='was made for another task than classification, 2 cl'
    ):
        prepare(tmp_path / 'classes', tmp_path / 'out')
    assert (tmp_path / 'out/masks').is_dir()
