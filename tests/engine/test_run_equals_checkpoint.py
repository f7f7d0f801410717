"""What a run reports while it trains, fresh processes compute again from its checkpoints.

Losses of each iteration of the last epoch, from the checkpoint before it and with the same batches;
scores, tables of images, panels, features and silhouettes of the last epoch. All runs of a test
share processes, as loading PyTorch would take most of the time of each.
"""

import shutil
from importlib.util import find_spec

import pytest

from support import enhancement_run, table_data
from support.downstream import brief_fine_tuning, write_data
from support.reported import NEW, check_panels, check_run, train_and_compute_again, write_run

SEED = dict(type='usfm_mm.IterationSeedHook')
CASES = ['plain', 'averaged', 'fused', 'two_fused']
# The compiler of torch 2.1 fails on stochastic depth, a rate for each block.
INDUCTOR = ['inductor'] if NEW and shutil.which('c++') else []


@pytest.mark.slow
def test_pre_training(tiny_config, tmp_path, free_port):
    pytest.importorskip('sklearn')
    # Steps large enough to tell each epoch's weights, and their bias tables, from the last ones.
    tiny_config.optim_wrapper.optimizer.lr = 0.02
    tiny_config.custom_hooks = [
        SEED,
        dict(type='usfm_mm.ReconstructionHook'),
        dict(type='usfm_mm.EmbeddingHook', images_per_organ=3),
    ]
    files = [write_run(tiny_config, case, tmp_path, case) for case in CASES + INDUCTOR]
    train_and_compute_again(files, tmp_path, free_port)
    for path in files:
        rel = 1e-3 if path.stem == 'inductor' else 1e-5
        last, first = check_run(tmp_path / path.stem, rel, losses=path.stem != 'inductor')
        assert first['val/total'] != pytest.approx(last['val/total'], rel=0.01)
        check_panels(tmp_path / path.stem, rel)


def kinds(folder):
    """Configs of each kind of fine-tuning that can be run here."""
    write_data(folder / 'data', 2, 2)
    yield 'cls', brief_fine_tuning('configs/usfm/cls_custom_linear.py', folder / 'data')
    if find_spec('monai'):
        cfg = brief_fine_tuning('configs/usfm/seg_custom_upernet.py', folder / 'data')
        if not NEW:  # mmseg 1.2 looks weights up for the ignored class too
            cfg.model.decode_head.loss_decode.pop('class_weight')
        yield 'seg', cfg
    if find_spec('mmagic') and find_spec('skimage'):
        pairs = enhancement_run.write_pairs(folder / 'pairs')
        weights = enhancement_run.write_weights(folder / 'usfm.pth')
        name = 'configs/usfm/enhance_usenhance_cyclegan.py'
        yield 'gan', enhancement_run.load(name, pairs, weights, folder)


@pytest.mark.slow
def test_fine_tuning(tmp_path, free_port):
    files = []
    for kind, cfg in kinds(tmp_path):
        cfg.val_evaluator.csv_path = 'images.csv'  # of each run
        cases = [*CASES, *(['compiled'] if NEW else [])]
        files += [write_run(cfg, case, tmp_path, f'{case}_{kind}') for case in cases]
    train_and_compute_again(files, tmp_path, free_port)
    for path in files:
        last, first = check_run(tmp_path / path.stem, 1e-5)
        assert last != first, path


@pytest.mark.slow
def test_tables(tmp_path, free_port):
    table_data.write_table_data(tmp_path / 'table')
    files = []
    for target, case in dict(label='plain', labels='averaged', values='fused').items():
        cfg = table_data.config(target, tmp_path / 'table', tmp_path)
        files.append(write_run(cfg, case, tmp_path, f'{case}_{target}'))
    train_and_compute_again(files, tmp_path, free_port)
    for path in files:
        last, first = check_run(tmp_path / path.stem, 1e-5)
        assert last != first, path
