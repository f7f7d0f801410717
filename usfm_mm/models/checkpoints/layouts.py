"""The layouts of ViT checkpoints: their names, as data.

Inside, everything goes by the names of mmpretrain's ``BEiTViT`` and ``VisionTransformer``. A
layout says how a file's names differ from these, what precedes them, and what the state dict is
wrapped in.
"""

import re
from dataclasses import dataclass

Names = tuple[tuple[str, str], ...]

# (name in the file, name in mmpretrain); {} is the number of the block, and what is not listed is
# the same in both. A name ends at a dot or at the end.
BEIT_NAMES: Names = (
    ('patch_embed.proj', 'patch_embed.projection'),
    ('blocks.{}.norm1', 'layers.{}.ln1'),
    ('blocks.{}.norm2', 'layers.{}.ln2'),
    ('blocks.{}.mlp.fc1', 'layers.{}.ffn.layers.0.0'),
    ('blocks.{}.mlp.fc2', 'layers.{}.ffn.layers.1'),
    ('blocks.{}', 'layers.{}'),
    ('norm', 'ln1'),
    ('fc_norm', 'ln2'),
)
VIT_NAMES: Names = (
    ('blocks.{}.ls1.gamma', 'layers.{}.attn.gamma1.weight'),
    ('blocks.{}.ls2.gamma', 'layers.{}.ffn.gamma2.weight'),
    *BEIT_NAMES,
)

# Parts beside the encoder in files that have no prefix before the encoder's names. What begins with
# ``decoder`` is none of the encoder's either.
HEADS = ('head', 'lm_head', 'cls_pt_layers', 'decode_head', 'auxiliary_head', 'neck')


@dataclass(frozen=True)
class CheckpointLayout:
    """How a family of files names and wraps the encoder.

    Attributes:
        names: Pairs (its name, mmpretrain's name).
        prefixes: What usually precedes the encoder's names; the first is written.
        wrapper: Key of the file under which the state dict is written; None for a flat file.
        tables: Bias tables written: ``'shared'``, ``'block'`` or ``'either'``; ``'none'`` for a ViT
            with absolute position embedding.
        decoder: Prefix of a linear decoder that is carried along; None where there is none.
    """

    names: Names
    prefixes: tuple[str, ...]
    wrapper: str | None
    tables: str
    decoder: str | None = None


# What can be written, and read.
LAYOUTS = {
    'usfm': CheckpointLayout(BEIT_NAMES, ('',), None, 'shared'),
    'simmim': CheckpointLayout(
        BEIT_NAMES, ('encoder.', 'model.encoder.'), 'model', 'shared', 'decoder.'
    ),
    'beit': CheckpointLayout(BEIT_NAMES, ('',), 'model', 'block'),
    'mmpretrain': CheckpointLayout((), ('backbone.', ''), 'state_dict', 'either'),
    'usfm_mm': CheckpointLayout((), ('backbone.',), 'state_dict', 'either', 'decoder.'),
}
# ViT with absolute position embedding: read, and written in mmpretrain's layout.
VIT_LAYOUTS = {
    'timm': CheckpointLayout(VIT_NAMES, ('', 'model.'), None, 'none'),
    'mae': CheckpointLayout(VIT_NAMES, ('',), 'model', 'none'),
}


def rename(key: str, names: Names) -> str:
    """Rename a key by the first pair (old, new) whose old name it begins with.

    Example:
        >>> rename('blocks.7.mlp.fc1.bias', BEIT_NAMES)
        'layers.7.ffn.layers.0.0.bias'
    """
    for old, new in names:
        pattern = re.escape(old).replace(r'\{\}', r'(\d+)') + r'(?=\.|$)'
        match = re.match(pattern, key)
        if match:
            return new.format(*match.groups()) + key[match.end() :]
    return key
