"""The card of a model in words."""

from usfm_mm.io.card import Card

_ANSWERS = {
    'pretrain': 'an encoder and a decoder that recovers masked images',
    'segment': 'a class for every pixel',
    'classify': 'a class for every image',
    'enhance': 'an image of higher quality',
}


def card_rows(card: Card) -> list[tuple[str, str]]:
    """Name and value of what a card tells; what it does not know is left out."""
    height, width = card.image_size or ('any', 'any')
    data = card.data
    images = f'{data["images"]} images' if data.get('images') else ''
    told = [data.get('name') or '', images, ', '.join(card.organs)]
    rows = [
        ('task', f'{card.task}: {_ANSWERS[card.task]}'),
        ('encoder', _text(card.arch)),
        ('images', f'{height} x {width} pixels, {card.channels} channel(s)'),
        ('mean', _numbers(card.mean)),
        ('std', _numbers(card.std)),
        ('classes', ', '.join(card.classes)),
        ('trained on', '; '.join(part for part in told if part)),
        ('licence of the data', str(data.get('licence') or '')),
        ('versions', ', '.join(f'{name} {version}' for name, version in card.versions.items())),
        ('commit', card.commit),
    ]
    return [(name, value) for name, value in rows if value]


def card_markdown(card: Card, name: str, sha256: str) -> str:
    """The card as a Markdown page.

    Args:
        card: Of the model.
        name: Of its file.
        sha256: Of its file.
    """
    lines = [f'# {name}', '', '| | |', '|---|---|']
    lines += [f'| {key} | {value} |' for key, value in card_rows(card)]
    lines += [f'| SHA-256 | `{sha256}` |', '', 'Use it:', '', '```python']
    call = {
        'pretrain': ('load_backbone', 'extract_features'),
        'segment': ('load_model', 'segment'),
        'classify': ('load_model', 'classify'),
        'enhance': ('load_model', 'enhance'),
    }
    load, ask = call[card.task]
    lines += [f'from usfm_mm.apis import {ask}, {load}', '']
    lines += [f"answers = {ask}({load}('{name}'), 'scan.png')", '```', '']
    lines += ['No medical device: for research, not for diagnosis.', '']
    return '\n'.join(lines)


def _text(arch: str | dict[str, int]) -> str:
    return arch if isinstance(arch, str) else ', '.join(f'{k} {v}' for k, v in arch.items())


def _numbers(values: list[float]) -> str:
    return ', '.join(f'{value:g}' for value in values)
