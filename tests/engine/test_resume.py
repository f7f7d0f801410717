"""A run that is killed and resumed ends with the weights of an uninterrupted one, on a CPU."""

import copy
import errno
import logging
import multiprocessing
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path

import mmengine.runner.runner as host
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from support.tiny_pretraining import config_of
from usfm_mm.config.resume import latest_checkpoint

EPOCHS, ITERATIONS = 2, 3  # of tiny_config


class DieBeforeValidationHook(Hook):
    """Kill this very process when the validation of an epoch begins."""

    def __init__(self, epoch):
        self.epoch = epoch

    def before_val(self, runner):
        if runner.epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)


class StopHook(Hook):
    """Send a signal to this very process after an iteration."""

    def __init__(self, iteration, number):
        self.iteration, self.number = iteration, number
        # Killed after all hooks have worked, asked to stop before.
        self.priority = 'LOWEST' if number == signal.SIGKILL else 'NORMAL'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == self.iteration:
            os.kill(os.getpid(), self.number)


@pytest.fixture
def config(tiny_config: Config) -> Config:
    """The tiny run with all that the pre-training configs use for resuming."""
    return resumable(tiny_config)


def resumable(config: Config) -> Config:
    config.train_cfg = dict(type='usfm_mm.ResumableEpochTrainLoop', max_epochs=EPOCHS)
    config.default_hooks.checkpoint = dict(
        type='usfm_mm.SafeCheckpointHook', by_epoch=False, interval=2, max_keep_ckpts=1
    )
    config.param_scheduler = [
        dict(type='CosineAnnealingLR', end=EPOCHS, by_epoch=True, convert_to_iter_based=True)
    ]
    config.custom_hooks = [dict(type='usfm_mm.IterationSeedHook')]
    config.optim_wrapper.clip_grad = dict(max_norm=1.0)
    return config


def run(config_text, stop=None, number=signal.SIGKILL, on_save=None, epoch=None):
    """Train, resuming where there is a checkpoint."""
    if on_save:
        host.save_checkpoint = partial(die_in_second_save, host.save_checkpoint, [])
    config = Config.fromstring(config_text, '.py')
    config.resume = True
    config.experiment_name = f'run-{os.getpid()}-{stop}-{Path(config.work_dir).name}'
    runner = Runner.from_cfg(config)
    if stop:
        runner.register_hook(StopHook(stop, number))
    if epoch:
        runner.register_hook(DieBeforeValidationHook(epoch))
    runner.train()
    return runner


def die_in_second_save(original, calls, checkpoint, filename, *args, **kwargs):
    calls.append(filename)
    if len(calls) == 2:
        Path(filename).write_bytes(b'half a file')
        os.kill(os.getpid(), signal.SIGKILL)
    original(checkpoint, filename, *args, **kwargs)


def train(config):
    """Train to the end, in a process as :func:`train_and_die` uses, so that numerics agree."""
    assert train_and_die(config) == 0


def train_and_die(config, stop=None, number=signal.SIGKILL, on_save=None, epoch=None):
    """Train in a process of its own, and return its exit code.

    It is forked from a server that has imported everything and computed nothing: a process in
    which PyTorch has started threads cannot be forked safely.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mmpretrain.models', 'mmpretrain.datasets', 'usfm_mm.models'])
    process = context.Process(target=run, args=(config.pretty_text, stop, number, on_save, epoch))
    process.start()
    process.join(120)
    if process.exitcode is None:
        process.kill()
    return process.exitcode


def weights(config):
    path = Path(config.work_dir, 'last_checkpoint').read_text()
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint['meta']['iter'] == EPOCHS * ITERATIONS
    return checkpoint


def assert_equal(a, b):
    for part in ('state_dict', 'optimizer'):
        flat_a, flat_b = ([*torch.utils._pytree.tree_flatten(x[part])] for x in (a, b))
        assert str(flat_a[1]) == str(flat_b[1])
        for x, y in zip(flat_a[0], flat_b[0], strict=True):
            assert torch.equal(x, y) if torch.is_tensor(x) else x == y


@pytest.fixture(scope='module')
def uninterrupted(organ_folder, tmp_path_factory):
    config = resumable(config_of(organ_folder, tmp_path_factory.mktemp('uninterrupted')))
    train(config)
    return weights(config)


@pytest.mark.parametrize('iterations', [(2,), (4,), (1, 3, 5)], ids=str)
def test_killed_and_resumed_equals_uninterrupted(config, uninterrupted, iterations):
    for iteration in iterations:
        assert train_and_die(config, iteration) == -signal.SIGKILL
    train(config)
    assert_equal(weights(config), uninterrupted)


def test_workers_do_not_matter(config, uninterrupted):
    config.train_dataloader.num_workers = 2
    config.train_dataloader.persistent_workers = True
    assert train_and_die(config, 4) == -signal.SIGKILL
    train(config)
    assert_equal(weights(config), uninterrupted)


def test_sigterm_saves_first_and_resumes_there(config, uninterrupted):
    config.default_hooks.checkpoint.interval = 100
    assert train_and_die(config, 4, signal.SIGTERM) == 143
    pointer = Path(config.work_dir, 'last_checkpoint').read_text()
    assert Path(pointer).name == 'iter_4.pth'
    assert torch.load(pointer, weights_only=True)['meta']['iter'] == 4
    config.default_hooks.checkpoint.interval = 3
    train(config)
    assert [path.name for path in Path(config.work_dir).glob('*.pth')] == ['iter_6.pth']
    assert_equal(weights(config), uninterrupted)
    # The log history came back too: six losses, not two.
    history = weights(config)['message_hub']['log_scalars']['train/loss']
    assert len(history['log_history']) == EPOCHS * ITERATIONS


def test_stopped_while_writing_leaves_the_last_checkpoint(config):
    """Killed in the middle of torch.save: the one before is there and is used."""
    assert train_and_die(config, on_save=True) == -signal.SIGKILL
    pointer = Path(config.work_dir, 'last_checkpoint').read_text()
    assert torch.load(pointer, weights_only=True)['meta']['iter'] == 2
    train(config)
    kept = sorted(path.name for path in Path(config.work_dir).glob('*.pth'))
    assert kept == ['iter_6.pth']


def test_full_disk_leaves_the_last_checkpoint_and_says_how_to_go_on(config, monkeypatch):
    saved = []

    def save_until_full(original, checkpoint, filename, *args, **kwargs):
        if saved:
            Path(filename).write_bytes(b'half a file')
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(filename)
        original(checkpoint, filename, *args, **kwargs)

    monkeypatch.setattr(host, 'save_checkpoint', partial(save_until_full, host.save_checkpoint))
    with pytest.raises(OSError, match=r'iter_4.pth cannot be saved \(No space left.*--resume'):
        run(config.pretty_text)
    assert sorted(path.name for path in Path(config.work_dir).glob('*.pth*')) == ['iter_2.pth']
    assert Path(latest_checkpoint(config.work_dir)).name == 'iter_2.pth'
    monkeypatch.undo()
    run(config.pretty_text)
    assert weights(config)


def test_other_images_a_step_are_an_error(config):
    assert train_and_die(config, 2) == -signal.SIGKILL
    config.train_dataloader.batch_size = 3
    with pytest.raises(ValueError, match='3 iterations an epoch, this one has 4(?s:.)*batch size'):
        run(config.pretty_text)


def test_a_run_that_goes_on_elsewhere_leaves_the_first_one_alone(config, tmp_path):
    config.default_hooks.checkpoint.update(interval=1, save_best='val/total', rule='less')
    config.train_cfg.update(val_interval=1, max_epochs=1)
    train(config)
    first = Path(config.work_dir)
    files = sorted(path.name for path in first.glob('*.pth'))
    assert files == ['best_val_total_iter_3.pth', 'iter_3.pth']
    shutil.copytree(first, tmp_path / 'copy')
    assert latest_checkpoint(str(tmp_path / 'copy')) == tmp_path / 'copy' / 'iter_3.pth'
    config.train_cfg.max_epochs = 2
    config.work_dir, config.load_from = str(tmp_path / 'copy'), str(first / 'iter_3.pth')
    train(config)
    assert sorted(path.name for path in first.glob('*.pth')) == files
    assert sorted(path.name for path in (tmp_path / 'copy').glob('*.pth')) == [
        'best_val_total_iter_6.pth',
        'iter_6.pth',
    ]


def test_the_best_is_gone_on_from_where_no_other_was_saved(tmp_path):
    assert latest_checkpoint(str(tmp_path)) is None
    for number, name in enumerate(('best_F1_epoch_1.pth', 'best_F1_epoch_12.pth')):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (number, number))
    assert latest_checkpoint(str(tmp_path)).name == 'best_F1_epoch_12.pth'
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'best_F1_epoch_1.pth'))
    assert latest_checkpoint(str(tmp_path)).name == 'best_F1_epoch_1.pth'


def test_latest_checkpoint(tmp_path):
    assert latest_checkpoint(str(tmp_path)) is None
    (tmp_path / 'last_checkpoint').write_text('somewhere/iter_3.pth')
    with pytest.raises(FileNotFoundError, match='iter_3.pth, which is gone'):
        latest_checkpoint(str(tmp_path))


def test_sampler_that_cannot_continue_is_an_error(config):
    config.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
    config.train_dataloader.dataset.seed = 0
    assert train_and_die(config, 2) == -signal.SIGKILL
    with pytest.raises(TypeError, match='OrganBalancedSampler'):
        run(config.pretty_text)


def test_stopped_while_writing_the_best_leaves_the_one_before(config):
    config.default_hooks.checkpoint.update(interval=100, save_best='val/total', rule='less')
    config.train_cfg.val_interval = 1
    assert train_and_die(config, on_save=True) == -signal.SIGKILL
    (best,) = Path(config.work_dir).glob('best_*.pth')
    assert torch.load(best, weights_only=True)['meta']['iter'] == ITERATIONS
    train(config)
    (newer,) = Path(config.work_dir).glob('best_*.pth')
    assert torch.load(newer, weights_only=True)['meta']['iter'] == EPOCHS * ITERATIONS


@pytest.mark.parametrize(
    'hook',
    [
        dict(type='usfm_mm.ThroughputHook', skip_iters=1, measure_peak=False),
        dict(type='usfm_mm.EmbeddingHook', interval=1, images_per_organ=3),
    ],
    ids=lambda hook: hook['type'],
)
def test_resuming_warns_of_nothing(build_run, hook, monkeypatch):
    pytest.importorskip('sklearn')
    monkeypatch.setitem(sys.modules, 'umap', None)  # its import and compiling take half a minute
    changes = {'default_hooks.checkpoint.interval': 1, 'default_hooks.checkpoint.save_last': True}
    build_run([dict(hook, priority='VERY_HIGH')], **changes).train()
    runner = build_run([hook], resume=True, **changes)
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    runner.logger.addHandler(handler)
    runner.load_or_resume()
    assert runner.iter == 6
    assert not [text for text in messages if 'resumed key' in text]


def test_a_run_goes_on_from_its_best(config, uninterrupted, tmp_path):
    config.default_hooks.checkpoint.update(interval=100, save_best='val/total', rule='greater')
    config.train_cfg.val_interval = 1
    assert train_and_die(config, 5) == -signal.SIGKILL
    (best,) = Path(config.work_dir).glob('best_*_iter_3.pth')
    config.load_from, config.work_dir = str(best), str(tmp_path / 'from_best')
    train(config)
    assert_equal(weights(config), uninterrupted)


def test_short_epochs_are_saved_though_the_interval_is_long(config, uninterrupted):
    config.default_hooks.checkpoint.update(interval=100, max_minutes=0)
    assert train_and_die(config, 4) == -signal.SIGKILL
    assert latest_checkpoint(config.work_dir).name == 'iter_3.pth'
    train(config)
    assert_equal(weights(config), uninterrupted)
    assert [path.name for path in Path(config.work_dir).glob('*.pth')] == ['iter_6.pth']


def test_a_stop_where_the_interval_has_saved_keeps_that_checkpoint(config):
    config.default_hooks.checkpoint.update(interval=2, max_keep_ckpts=2)
    assert train_and_die(config, 4, signal.SIGTERM) == 143
    train(config)
    kept = sorted(path.name for path in Path(config.work_dir).glob('*.pth'))
    assert kept == ['iter_4.pth', 'iter_6.pth']


@pytest.mark.parametrize(('epoch', 'rule'), [(1, 'greater'), (2, 'less')])
def test_a_validation_that_was_cut_off_is_made_up_for(config, tmp_path, epoch, rule):
    """Killed between the checkpoint of an epoch's end and its validation, the best is the same."""
    config.default_hooks.checkpoint.update(
        by_epoch=True, interval=1, max_keep_ckpts=-1, save_best='val/total', rule=rule
    )
    config.train_cfg.val_interval = 1
    calm = copy.deepcopy(config)
    calm.work_dir = str(tmp_path / 'calm')
    train(calm)
    assert train_and_die(config, epoch=epoch) == -signal.SIGKILL
    assert latest_checkpoint(config.work_dir).name == f'epoch_{epoch}.pth'
    train(config)
    names = [sorted(path.name for path in Path(c.work_dir).glob('*.pth')) for c in (calm, config)]
    assert names[0] == names[1]
    assert any(name.startswith('best_') for name in names[0])
    assert_equal(weights(config), weights(calm))
    files = [next(Path(c.work_dir).glob('best_*.pth')) for c in (calm, config)]
    calm_score, score = (
        torch.load(path, weights_only=True)['message_hub']['runtime_info']['best_score']
        for path in files
    )
    assert score == calm_score
