"""Python blocks of a page: programs are run, configs are loaded and their models built."""

import os
import sys
from pathlib import Path

from support.pages.blocks import Block


def answer_files():
    """Run the files that the input names, in one namespace; ``ok`` to the output after each."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    sys.path.insert(0, '')
    namespace = {'__name__': '__main__'}
    for line in sys.stdin:
        file = Path(line.strip())
        text = file.read_text(encoding='utf-8')
        if Block(str(file), 1, 'python', text).is_config:
            build(file)
        else:
            exec(compile(text, str(file), 'exec'), namespace)
        answers.write('ok\n')
        answers.flush()


def build(file):
    """Build what a config names: with bases the whole model, else the backbone with its weights."""
    from mmengine.registry import MODELS, init_default_scope

    from support.downstream import narrow
    from usfm_mm.config.options import load_plain

    cfg = load_plain(str(file))
    init_default_scope(cfg.get('default_scope') or 'mmpretrain')
    if '_base_' not in file.read_text():
        backbone = cfg.model.backbone
        backbone.pop('_delete_', None)
        MODELS.build(backbone).init_weights()
        return
    generator = cfg.model.get('generator')
    if generator:
        generator.backbone.update(arch='tiny', init_cfg=None)
    else:
        narrow(cfg)
    MODELS.build(cfg.model)
