"""A run goes on as it began, or says why not."""

import pytest
import torch

from support.command_line import ROOT, load
from usfm_mm.commands.train import build_config, parse_args
from usfm_mm.config.provenance import note_settings
from usfm_mm.io.last_checkpoint import note_end

CONFIG = str(ROOT / 'configs/usfm/pretrain_cpu.py')


def begin(work_dir, *options):
    args = parse_args([CONFIG, '--work-dir', str(work_dir), *map(str, options)])
    return build_config(args)


@pytest.fixture
def run(tmp_path):
    """Folder of a run of 60 epochs of 10 iterations, saved at its iteration 40."""
    folder = tmp_path / 'run'
    folder.mkdir()
    save(folder / 'iter_40.pth', 40)
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_40.pth'))
    return folder


def save(path, iterations, **more):
    checkpoint = dict(state_dict={}, optimizer={}, param_schedulers=[], **more)
    checkpoint['meta'] = dict(iter=iterations, epoch=iterations // 10, iters_per_epoch=10)
    note_settings(begin(path.parent / 'another'), checkpoint, [])
    torch.save(checkpoint, path)


def test_goes_on_as_it_began(run):
    cfg = begin(run, '--resume')
    assert (cfg.resume, cfg.load_from) == (True, str(run / 'iter_40.pth'))
    begin(run, '--resume', '--amp', '--cfg-options', 'train_cfg.val_interval=7')


@pytest.mark.parametrize(
    ('options', 'what'),
    [
        (['--epochs', 80], 'train_cfg.max_epochs is 80, it began with 60'),
        (['--lr', 0.1], 'optim_wrapper.optimizer.lr is 0.1, it began with 0.001'),
        (['--cfg-options', 'param_scheduler.1.eta_min=0'], r'param_scheduler.1.eta_min is 0, .*'),
        (['--image-size', 224], 'image_size is 224, it began with 112'),
        (['--auto-scale-lr'], 'auto_scale_lr.enable is True, it began with None'),
    ],
)
def test_another_schedule_is_refused_with_what_to_do(run, options, what):
    with pytest.raises(ValueError, match=f'--resume .*{what}.*load_from=.*--work-dir ANOTHER'):
        begin(run, '--resume', *options)


def test_weights_alone_cannot_go_on(run):
    torch.save(dict(state_dict={}, meta={}), run / 'best_DSC_epoch_3.pth')
    with pytest.raises(ValueError, match='without the state of the optimizer. --resume alone'):
        begin(run, '--resume', run / 'best_DSC_epoch_3.pth')


def test_a_finished_run_says_so(run, capsys):
    save(run / 'iter_600.pth', 600)
    assert begin(run, '--resume', run / 'iter_600.pth').resume  # killed before its validation
    assert 'what is left is its last validation' in capsys.readouterr().out
    note_end(str(run), 600)
    with pytest.raises(SystemExit) as stop:
        begin(run, '--resume', run / 'iter_600.pth')
    assert stop.value.code == 0
    assert 'iter_600.pth is the end of its run: there is nothing left' in capsys.readouterr().out


def test_the_same_command_twice_is_refused(run):
    with pytest.raises(ValueError, match=r'holds a run \(iter_40.pth\): --resume .* --work-dir'):
        begin(run)


def test_a_folder_where_nothing_was_saved_is_used_again(tmp_path):
    (tmp_path / '20260101_000000').mkdir()
    (tmp_path / 'pretrain_cpu.py').write_text('')
    assert not begin(tmp_path).resume
    assert not begin(tmp_path, '--resume').resume  # a job's script, at its first start


def test_saved_config_of_a_resumed_run_begins_anew(run, tmp_path, capsys):
    begin(run, '--resume').dump(tmp_path / 'saved.py')
    args = parse_args([str(tmp_path / 'saved.py'), '--work-dir', str(tmp_path / 'new')])
    cfg = build_config(args)
    assert (cfg.resume, cfg.load_from) == (False, None)
    assert 'resume=True of' in capsys.readouterr().out


def test_resume_among_the_options_is_the_same(run):
    assert begin(run, '--cfg-options', 'resume=True').load_from == str(run / 'iter_40.pth')


def test_auto_scale_counts_accumulated_steps():
    args = parse_args([str(ROOT / 'configs/usfm/pretrain_large_3mus.py'), '--auto-scale-lr'])
    cfg = build_config(args)
    # 8 GPUs x 64 images x 2 steps are the 1024 that the rate is for.
    assert 8 * cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size
    assert load('usfm/pretrain_large_3mus.py').auto_scale_lr.base_batch_size == 1024
