"""Small things in the places of what a page's reader has: images, masks, clips, releases."""

from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
from PIL import Image

from support.made_up import speckle, write_image
from support.ultrasound_dicom import write_dicom

SIDE = 72


def organs(folder: Path, each: int = 6, names: tuple[str, ...] = ('heart', 'liver')) -> None:
    """Images in folders named by organ."""
    for number, organ in enumerate(names):
        for i in range(each):
            write_image(folder / organ / f'{i}.png', 100 * number + i, height=SIDE, width=SIDE)


def indexed(folder: Path) -> None:
    """The same with an index."""
    organs(folder)
    lines = ['path,organ,split']
    for path in sorted(folder.glob('*/*.png')):
        split = 'val' if path.stem in '01' else 'train'
        lines.append(f'{path.relative_to(folder)},{path.parent.name},{split}')
    (folder / 'index.csv').write_text('\n'.join(lines) + '\n')


def save(path: Path, array: np.ndarray) -> None:
    """An image file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def picture(number: int, value: int = 255) -> tuple[np.ndarray, np.ndarray]:
    """An image with a bright box, and the mask of that box."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[10 + number % 20 : 40 + number % 20, 15:45] = value
    return np.maximum(speckle(number, SIDE, SIDE) // 3, 120 * (mask > 0)).astype(np.uint8), mask


def labelled(folder: Path, count: int = 24) -> None:
    """Images and masks in two folders."""
    for i in range(count):
        name = ''.join(chr(97 + int(digit)) for digit in f'{i:02d}')
        for kind, array in zip(('images', 'masks'), picture(i), strict=True):
            save(folder / kind / f'case{name}.png', array)


def coloured(folder: Path, count: int = 24) -> None:
    """Images, and masks of two structures in two colours."""
    for i in range(count):
        name = f'case{chr(97 + i)}.png'
        image, mask = picture(i, value=1)
        save(folder / 'images' / name, image)
        colours = np.zeros((SIDE, SIDE, 3), np.uint8)
        colours[mask > 0] = (255, 0, 0)
        colours[50:60, 50:70] = (0, 255, 0)
        save(folder / 'masks' / name, colours)


def structures(folder: Path, count: int = 24) -> None:
    """Images, and a folder of masks for each of two structures."""
    for i in range(count):
        name = f'case{chr(97 + i)}.png'
        image, mask = picture(i)
        save(folder / 'images' / name, image)
        save(folder / 'masks' / 'liver' / name, mask)
        save(folder / 'masks' / 'cyst' / name, np.roll(mask, 20, axis=1))


def volumes(folder: Path, count: int = 12) -> None:
    """NIfTI volumes of three slices, with masks of two structures."""
    folder.mkdir(parents=True)
    for i in range(count):
        slices = [picture(3 * i + n, value=1) for n in range(3)]
        masks = [mask + 2 * np.roll(mask, 40, axis=1) * (mask == 0) for _, mask in slices]
        for ending, arrays in (('', [image for image, _ in slices]), ('_seg', masks)):
            stack = np.stack([array.T for array in arrays], axis=-1).astype(np.uint8)
            name = f'case{chr(97 + i)}{ending}.nii.gz'
            nib.save(nib.Nifti1Image(stack, np.eye(4)), folder / name)


def qualities(folder: Path, count: int = 8, below: str = '') -> None:
    """Pairs of low and high quality."""
    for i in range(count):
        image = speckle(i, SIDE, SIDE)
        name = f'{below}{chr(97 + i)}.png'
        save(folder / 'high_quality' / name, image)
        save(folder / 'low_quality' / name, cv2.GaussianBlur(image, (0, 0), 2))


def busi(folder: Path, each: int = 8) -> None:
    """Miniature of BUSI as released."""
    for number, kind in enumerate(('benign', 'malignant', 'normal')):
        for i in range(1, each + 1):
            image, mask = picture(100 * number + i)
            name = f'Dataset_BUSI_with_GT/{kind}/{kind} ({i})'
            save(folder / f'{name}.png', image)
            save(folder / f'{name}_mask.png', mask * (kind != 'normal'))


def hc18(folder: Path, count: int = 20) -> None:
    """Miniature of HC18 as released: outlines."""
    for i in range(count):
        image, mask = picture(300 + i)
        edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        save(folder / 'training_set' / f'{i:03d}_HC.png', image)
        save(folder / 'training_set' / f'{i:03d}_HC_Annotation.png', edge)


def usgra(folder: Path, count: int = 20) -> None:
    """Miniature of USGRA: masks of 1 and 2."""
    for i in range(count):
        image, mask = picture(500 + i, value=1)
        mask[50:60, 50:60] = 2
        save(folder / 'dataset' / 'images' / f'{i}.png', image)
        save(folder / 'dataset' / 'masks' / f'{i}.png', mask)


def usanotai(folder: Path, each: int = 8) -> None:
    """Miniature of USAnotAI as released."""
    for number, organ in enumerate(
        ('bladder', 'bowel', 'gallbladder', 'kidney', 'liver', 'spleen')
    ):
        for i in range(each):
            save(folder / 'train' / f'{organ}-{i:04d}.png', speckle(700 + 50 * number + i))


def picmus(folder: Path) -> None:
    """Miniature of PICMUS: four scenes, three numbers of plane waves."""
    for scene in range(1, 5):
        high = speckle(900 + scene, SIDE, SIDE)
        for waves in ('01', '03', '11'):
            low = cv2.GaussianBlur(high, (0, 0), 12 / int(waves))
            save(folder / 'low_quality' / f'scene{scene}_pw{waves}.png', low)
            save(folder / 'high_quality' / f'scene{scene}_pw{waves}.png', high)


def usenhance(folder: Path) -> None:
    """Miniature of USEnhance2023 as released."""
    for organ in ('carotid', 'kidney', 'liver', 'thyroid'):
        qualities(folder / 'train_datasets' / organ)


def dicom(path: Path, frames: int = 1, seed: int = 0) -> None:
    """A grey DICOM file, or a clip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_dicom(path, np.stack([speckle(seed + i, SIDE, 90) for i in range(frames)]))


def clip(path: Path, frames: int = 6) -> None:
    """A film."""
    path.parent.mkdir(parents=True, exist_ok=True)
    film = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 20, (96, SIDE))
    for i in range(frames):
        film.write(cv2.cvtColor(speckle(i, SIDE, 96), cv2.COLOR_GRAY2BGR))
    film.release()
