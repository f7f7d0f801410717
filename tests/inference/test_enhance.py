"""Enhanced pictures: those of the tests, at the size of the picture."""

from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

from support.downstream import ROOT
from usfm_mm.compat import import_mmagic
from usfm_mm.config.image_size import set_image_size
from usfm_mm.config.options import set_data_root
from usfm_mm.evaluation.enhancement_metric import grey_image
from usfm_mm.inference.predict import enhance
from usfm_mm.io.image import encode_png
from usfm_mm.models.outputs import outputs_of

if find_spec('mmagic') is None:
    pytest.skip('mmagic is not installed', allow_module_level=True)

SIZE = 32


class Enhancer:
    def __init__(self, module):
        self.module = module.eval()
        self.card = SimpleNamespace(
            task='enhance',
            image_size=(SIZE, SIZE),
            channels=3,
            classes=[],
            kind='class',
            clip_frames=None,
        )

    def __call__(self, images):
        return outputs_of(self.module, 'enhance', images)


@pytest.fixture(scope='module')
def enhancer(tmp_path_factory):
    """A random CycleGAN, its test set and that set's low quality: one of its size, one larger."""
    root = tmp_path_factory.mktemp('pairs')
    rng = np.random.default_rng(0)
    for folder in ('low_quality', 'high_quality', 'splits'):
        (root / folder).mkdir()
    for name, shape in (('a', (SIZE, SIZE)), ('b', (75, 101))):
        for folder in ('low_quality', 'high_quality'):
            image = rng.integers(0, 256, shape, np.uint8)
            (root / folder / f'{name}.png').write_bytes(encode_png(image))
    (root / 'splits' / 'enhance_test.txt').write_text('a.png liver\nb.png liver\n')
    import_mmagic()
    cfg = Config.fromfile(ROOT / 'configs/baselines/enhance_usenhance_cyclegan_plain.py')
    set_data_root(cfg, str(root))
    set_image_size(cfg, SIZE)
    cfg.model.generator.update(base_channels=4, num_blocks=1)
    cfg.model.discriminator.update(base_channels=4, num_conv=2)
    init_default_scope('mmagic')
    torch.manual_seed(0)
    module = MODELS.build(cfg.model)
    module.init_weights()
    paths = [root / 'low_quality' / f'{name}.png' for name in 'ab']
    return Enhancer(module), DATASETS.build(cfg.test_dataloader.dataset), paths


def test_images_are_those_of_usfm_test(enhancer):
    model, dataset, paths = enhancer
    answers = list(enhance(model, paths))
    with torch.no_grad():
        tested = [model.module.test_step(pseudo_collate([item]))[0] for item in dataset]
    expected = grey_image(tested[0].fake_B)
    assert expected.std() > 1
    assert np.abs(answers[0].image.astype(int) - expected).max() <= 1  # rounding
    assert (answers[0].image == expected).mean() > 0.99


def test_of_the_size_of_the_picture_and_batched_as_single(enhancer):
    model, _, paths = enhancer
    together = list(enhance(model, paths))
    alone = list(enhance(model, paths, batch_size=1))
    assert [answer.image.shape for answer in together] == [(SIZE, SIZE), (75, 101)]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.image.astype(int) - other.image).max() <= 1
