"""What a model's file tells of it: usfm describe FILE."""

import argparse
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Print the card."""
    parser = argparse.ArgumentParser(description='Print the card of a model.')
    parser.add_argument('file', help='checkpoint of a run, a published or an exported file')
    for name, value in rows_of(parser.parse_args(argv).file):
        print(f'{name:<20} {value}')


def rows_of(file: str) -> list[tuple[str, str]]:
    """Name and value of what a file tells; of an exported one without torch."""
    from usfm_mm.apis.loading import is_exported, load_model
    from usfm_mm.io.card_text import card_rows

    if is_exported(file):
        return card_rows(load_model(file).card)
    from usfm_mm.compat import quiet_imports

    quiet_imports()
    from usfm_mm.io.card import card_of
    from usfm_mm.models.checkpoints.files import load_file
    from usfm_mm.models.checkpoints.reading import parse_checkpoint

    content = load_file(file)
    card = card_of(content)
    if card is not None:
        return card_rows(card)
    found = parse_checkpoint(content, file)  # of others, or older: what the weights tell
    sizes = ', '.join(f'{name} {value}' for name, value in found.arch.items())
    return [('card', 'none'), ('layout', found.layout), ('encoder', sizes)]
