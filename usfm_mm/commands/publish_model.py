"""A trained model as a file to hand on: usfm publish CHECKPOINT MODEL.safetensors."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> None:
    """Write weights and card as safetensors, and the card as Markdown beside it."""
    parser = argparse.ArgumentParser(
        description='Write weights and card of a checkpoint, without optimizer and log.'
    )
    parser.add_argument('checkpoint', help='of a run')
    parser.add_argument('target', type=Path, help='file to write, NAME.safetensors')
    parser.add_argument(
        '--half',
        action='store_true',
        help='store weights as float16 (what was published so stays so)',
    )
    args = parser.parse_args(argv)
    if args.target.exists():
        raise ValueError(f'{args.target} exists: remove it, or name another file')

    from usfm_mm.compat import quiet_imports
    from usfm_mm.io.atomic import check_writable, write_atomic

    check_writable(args.target.parent, 'name a file in another folder')
    quiet_imports()
    from usfm_mm.io.card_text import card_markdown
    from usfm_mm.io.hashing import sha256
    from usfm_mm.models.checkpoints.publishing import publish

    card = publish(args.checkpoint, args.target, args.half)
    digest = sha256(args.target)
    page = args.target.with_suffix('.md')
    write_atomic(page, card_markdown(card, args.target.name, digest).encode())
    print(f'{args.target}: {args.target.stat().st_size / 1e6:.1f} MB, SHA-256 {digest}')
    print(f'{page}: its card')
