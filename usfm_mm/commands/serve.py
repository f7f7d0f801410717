"""A page in the browser that asks models about pictures: usfm serve MODEL ..."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from usfm_mm.page.alike import Index
    from usfm_mm.page.tabs import Served

_DEMO = 'demo_*.safetensors'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Serve a page on this computer: drop an image, a DICOM file or a clip, and see '
        'what models say. Nothing is sent elsewhere or kept.'
    )
    parser.add_argument(
        'models',
        nargs='*',
        metavar='MODEL',
        help='files of trained models (default: models/demo_*)',
    )
    parser.add_argument(
        '--index',
        metavar='FILE',
        help='of usfm extract-features, made by one of the models',
    )
    parser.add_argument(
        '--port', type=int, default=7860, help='0: any that is free (default: 7860)'
    )
    parser.add_argument(
        '--host', default='127.0.0.1', help='default: 127.0.0.1, this computer alone'
    )
    parser.add_argument(
        '--max-upload-mb', type=float, default=200, metavar='MB', help='largest file (default: 200)'
    )
    parser.add_argument('--device', help="'cuda', 'cpu'; by default the GPU where there is one")
    return parser.parse_args(argv)


def demo_models() -> list[str]:
    """The demonstration models, in the current folder or in the clone.

    Raises:
        ValueError: There are none.
    """
    import usfm_mm

    for folder in (Path('models'), Path(usfm_mm.__file__).parents[1] / 'models'):
        if found := sorted(folder.glob(_DEMO)):
            return [str(file) for file in found]
    raise ValueError(f'no models/{_DEMO} here: give the file of a model')


def load(
    paths: list[str], index: str | None, device: str | None
) -> tuple[list[Served], Index | None]:
    """The models and the index.

    Raises:
        ValueError: A file is none of ours, or the index was made by none of the models.
    """
    from usfm_mm.apis.loading import device_for, is_exported, load_encoder, load_model
    from usfm_mm.inference.feature_space import kind_of
    from usfm_mm.inference.features import read_features
    from usfm_mm.io.hashing import sha256
    from usfm_mm.page.alike import Index
    from usfm_mm.page.tabs import Served

    found = None
    if index is not None:
        table = read_features(index)
        made = [path for path in paths if sha256(path) == table.about.get('model')]
        if not made:
            raise ValueError(
                f'--index {index}: made by none of {", ".join(paths)}: give its model too, or make '
                'it with one of these by usfm extract-features'
            )
        encoder = load_encoder(made[0], device, kind_of(table.about))  # an older file has others
        found = Index(Path(index).name, encoder, table)
    loaded = [(path, load_model(path, device_for(path, device))) for path in paths]
    served = [
        Served(Path(path).stem, model)
        for path, model in loaded
        if not (is_exported(path) and model.card.task == 'pretrain')  # an encoder, for the index
    ]
    if not served and found is None:
        raise ValueError(f'{paths[0]} is an exported encoder: give --index, or its checkpoint')
    return served, found


def main(argv: Sequence[str] | None = None) -> None:
    """Load, then serve until interrupted."""
    args = parse_args(argv)
    if args.max_upload_mb <= 0:
        raise ValueError(f'--max-upload-mb must be above 0, got {args.max_upload_mb}')
    from usfm_mm.page.apart import Apart
    from usfm_mm.page.server import private_folder, serve

    with private_folder(), Apart() as apart:
        from usfm_mm.page.layout import build  # says at once if Gradio is missing

        models, index = load(args.models or demo_models(), args.index, args.device)
        most = round(args.max_upload_mb * 2**20)
        serve(lambda: build(models, index, apart.open), args.host, args.port, most)
