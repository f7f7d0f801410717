"""Small models of each task with the data that they are tested on."""

from types import SimpleNamespace

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

from support.downstream import load, narrow, write_data
from usfm_mm.apis.model import LoadedModel, build
from usfm_mm.compat import import_mmagic, set_up_cpu
from usfm_mm.config.image_size import set_image_size
from usfm_mm.config.options import set_data_root
from usfm_mm.io.card import CARD_KEY, Card
from usfm_mm.models.outputs import outputs_of

SEGMENT, CLASSIFY = 'configs/usfm/seg_custom_upernet.py', 'configs/usfm/cls_custom_linear.py'
SIZE = 64


class Answering:
    """A module with as much of a card as inference needs."""

    def __init__(self, module, task, classes, channels=3):
        self.module = module.eval()
        self.card = SimpleNamespace(
            task=task,
            image_size=(SIZE, SIZE),
            channels=channels,
            classes=list(classes),
            palette=[[0, 0, 0], [0, 200, 0]],
            kind='class',
            clip_frames=None,
        )

    def __call__(self, images):
        return outputs_of(self.module, self.card.task, images)


def answering(name, folder, seed=0):
    """A random model of a config, and its test set of three images of 70 x 90 pixels."""
    cfg = load(name)
    if not (folder / 'splits').is_dir():
        write_data(folder, 2, 2)
    set_data_root(cfg, str(folder))
    set_image_size(cfg, SIZE)
    narrow(cfg)
    set_up_cpu(cfg)
    init_default_scope(cfg.default_scope)
    if 'data_preprocessor' in cfg:
        cfg.model.data_preprocessor = dict(type='ClsDataPreprocessor', **cfg.data_preprocessor)
    torch.manual_seed(seed)
    module = MODELS.build(cfg.model)
    module.init_weights()
    for parameter in module.parameters():  # an untrained one answers the same everywhere
        torch.nn.init.normal_(parameter, std=0.2)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    task = 'segment' if cfg.default_scope == 'mmseg' else 'classify'
    model = Answering(module, task, dataset.metainfo['classes'])
    model.config = cfg
    if task == 'segment':  # half of the first image is foreground
        logits = outcomes(model, dataset)[0].seg_logits.data
        module.decode_head.conv_seg.bias.data[1] -= (logits[1] - logits[0]).median()
    return model, dataset


def with_card(model):
    """The small model of other tests, with a whole card."""
    card = model.card
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    return LoadedModel(
        Card(card.task, 'tiny', card.image_size, 3, mean, std, card.classes, card.palette),
        model.module,
    )


def pretrained(arch, size):
    """A random model of pre-training for grey images."""
    backbone = dict(type='usfm_mm.USFMViT', arch=arch, img_size=size, in_channels=1)
    config = dict(
        type='usfm_mm.USFMPretrainer',
        backbone=dict(**backbone, out_type='featmap', final_norm=True),
        data_preprocessor=dict(type='usfm_mm.DualMaskDataPreprocessor', mean=[55.0], std=[50.0]),
    )
    card = Card('pretrain', arch, size, 1, [55.0], [50.0], config=dict(model=config))
    torch.manual_seed(0)
    module = build(card)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return LoadedModel(card, module)


def saved(name, folder, **kwargs):
    """A small model's file, and its images."""
    model, dataset = answering(name, folder / 'data', **kwargs)
    settings = vars(model.card)
    cfg = model.config
    card = Card(
        arch='small',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        config=dict(default_scope=cfg.default_scope, model=cfg.model.to_dict()),
        **settings,
    )
    file = folder / f'{card.task}{kwargs.get("seed", 0)}.pth'
    content = dict(state_dict=model.module.state_dict(), meta={CARD_KEY: card.to_dict()})
    torch.save(content, file)
    return str(file), str(folder / 'data' / 'images')


def saved_enhancer(folder):
    """File of a small random CycleGAN."""
    import_mmagic()
    cfg = load('configs/baselines/enhance_usenhance_cyclegan_plain.py')
    set_image_size(cfg, 32)
    cfg.model.generator.update(base_channels=4, num_blocks=1)
    cfg.model.discriminator.update(base_channels=4, num_conv=2)
    init_default_scope('mmagic')
    torch.manual_seed(0)
    module = MODELS.build(cfg.model)
    module.init_weights()
    config = dict(default_scope='mmagic', model=cfg.model.to_dict())
    card = Card('enhance', 'CycleGAN', (32, 32), 3, [127.5] * 3, [127.5] * 3, config=config)
    file = folder / 'enhancer.pth'
    torch.save(dict(state_dict=module.state_dict(), meta={CARD_KEY: card.to_dict()}), file)
    return file


@torch.no_grad()
def outcomes(model, dataset):
    """What the loop of the tests gets for each image."""
    return [model.module.test_step(pseudo_collate([item]))[0] for item in dataset]
