"""What a model's file tells of it: usfm describe FILE."""

import argparse
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Print the card."""
    parser = argparse.ArgumentParser(description='Print the card of a model.')
    parser.add_argument('file', help='checkpoint of a run, a published or an exported file')
    file = parser.parse_args(argv).file

    from usfm_mm.compat import quiet_imports

    quiet_imports()
    from usfm_mm.inference.onnx_model import OnnxModel
    from usfm_mm.io.card import card_of
    from usfm_mm.models.checkpoints.card_text import card_rows
    from usfm_mm.models.checkpoints.files import load_file
    from usfm_mm.models.checkpoints.reading import parse_checkpoint

    exported = file.endswith('.onnx')
    content = None if exported else load_file(file)
    card = OnnxModel(file).card if exported else card_of(content)
    if card is None:  # of others, or older: its encoder, as far as the weights tell
        found = parse_checkpoint(content, file)
        sizes = ', '.join(f'{name} {value}' for name, value in found.arch.items())
        rows = [('card', 'none'), ('layout', found.layout), ('encoder', sizes)]
    else:
        rows = card_rows(card)
    for name, value in rows:
        print(f'{name:<20} {value}')
