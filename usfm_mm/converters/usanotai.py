"""USAnotAI: abdominal images, whose class is their organ."""

from collections.abc import Iterator
from pathlib import Path

from usfm_mm.converters.items import (
    Converter,
    Item,
    folder_with,
    image_files,
    named,
    safe_name,
)
from usfm_mm.io.index_checks import SPLITS

CLASSES = ('bladder', 'bowel', 'gallbladder', 'kidney', 'liver', 'spleen')


def walk(source: Path) -> Iterator[Item]:
    """Images of ``train`` and, where it is there, ``test``; the organ is the start of the name.

    Raises:
        ConversionError: The layout is another one, or a name begins with no known organ.
    """
    root = folder_with(source, 'train')
    split_folders = [root / name for name in SPLITS if (root / name).is_dir()]
    organs = {organ: organ for organ in CLASSES}
    for folder in split_folders:
        for image in image_files(folder):
            # bowel--0056.png has two dashes
            organ = named(image.stem.split('-')[0], organs, image, 'organ')
            yield Item(
                image=image,
                name=safe_name(f'{folder.name}_{image.name}'),
                organ=organ,
                label=organ,
                split=folder.name if len(split_folders) > 1 else None,
            )


USANOTAI = Converter(
    name='usanotai',
    page='https://github.com/ftsvd/USAnotAI',
    licence='not verified',
    walk=walk,
    cls_classes=CLASSES,
    notes=('Patients are not told: images of one patient may lie in two splits.',),
)
