"""What lies beside one's own images: counted in the output, or refused."""

import shutil
import sys
from pathlib import Path

import pytest

from support.release_files import image, mask

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from usfm_mm.commands.prepare_data import main  # noqa: E402


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def classes(root):
    for label in ('gut artig', 'bös artig'):
        for n in range(6):
            image(root / label / f'{label}{n}.png')
    return [root / 'gut artig']


def masks(root):
    for n in range(6):
        image(root / 'images' / f'{n}.png')
        mask(root / 'masks' / f'{n}.png', (3, 9, 3, 9))
    return [root / 'images', root / 'masks']


def pairs(root):
    for n in range(6):
        for side in ('low_quality', 'high_quality'):
            image(root / 'liver' / side / f'{side}{n}.png')
            (root / 'liver' / side / f'{side}{n}.png').rename(root / 'liver' / side / f'{n}.png')
    return [root / 'liver' / 'low_quality', root / 'liver' / 'high_quality']


def parted(root):
    for part in ('train', 'test'):
        for label in 'ab':
            for n in range(4):
                image(root / part / label / f'{part}{label}{n}.png')
    return [root / 'train' / 'b', root / 'test' / 'a']


LAYOUTS = [classes, masks, pairs, parted]


@pytest.mark.parametrize('layout', LAYOUTS)
def test_nested_images_and_other_formats_are_refused(tmp_path, layout):
    for folder in layout(tmp_path / 'own'):
        image(folder / 'patient9' / 'x.PNG')
        message = (
            rf'{folder}/patient9/x.PNG lies in a folder within {folder}, of which only the images '
            'directly in it are taken: move it there, or elsewhere'
        )
        with pytest.raises((ValueError, OSError), match=message):
            main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
        shutil.rmtree(folder / 'patient9')
        for name in ('a.pgm', 'video.webp', 'scan.DCM', 'deeper/volume.nii.gz'):
            touch(folder / name)
            message = rf'{folder}/{name}: this format is not read, but .png.* are: save it so'
            with pytest.raises((ValueError, OSError), match=message):
                main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
            (folder / name).unlink()
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('layout', LAYOUTS)
def test_other_files_are_counted_and_litter_is_not(tmp_path, capsys, layout):
    own = tmp_path / 'own'
    folder = layout(own)[0]
    litter = ('.DS_Store', '.x/1.png', '._0.png', 'Thumbs.db', 'desktop.ini', '__MACOSX/._0.png')
    for name in litter:
        touch(folder / name)
        touch(own / name)
    main(['folder', str(own), str(tmp_path / 'out')])
    assert 'left out' not in capsys.readouterr().out
    for name in ('notes.txt', 'deeper/b.txt'):
        touch(folder / name)
    touch(own / 'LICENCE')
    image(own / 'overview.png')
    main(['folder', str(own), str(tmp_path / 'out')])
    found = ' '.join(capsys.readouterr().out.split())
    deeper = (folder / 'deeper' / 'b.txt').relative_to(own)
    notes = (folder / 'notes.txt').relative_to(own)
    assert f'Files left out: 4 (overview.png, LICENCE, {notes}, …).' in found
    (own / 'LICENCE').unlink()
    main(['folder', str(own), str(tmp_path / 'out')])
    found = ' '.join(capsys.readouterr().out.split())
    assert f'Files left out: 3 (overview.png, {notes}, {deeper}).' in found


def test_a_class_of_nested_images_alone_and_a_link_without_end(tmp_path):
    own = tmp_path / 'own'
    classes(own)
    (own / 'gut artig' / 'self').symlink_to(own)
    main(['folder', str(own), str(tmp_path / 'out')])
    (own / 'gut artig' / 'self').unlink()
    image(own / 'c' / 'patient1' / 'x.png')
    with pytest.raises(
        (ValueError, OSError), match=r'c/patient1/x.png lies in a folder within .*/c,'
    ):
        main(['folder', str(own), str(tmp_path / 'out')])
