"""What a grid becomes, and that no run of it can see a test image."""

import re
import threading
from pathlib import Path

import pytest

from support.command_line import load
from usfm_mm.config.files import config_root
from usfm_mm.experiments import execution
from usfm_mm.experiments.execution import TRAIN_ONLY
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.preflight import check_choice
from usfm_mm.experiments.reading import ExperimentError, make_experiment, read_experiment
from usfm_mm.experiments.sweep import points_of

SEG, SCRATCH, CLS = (
    'usfm/seg_custom_upernet',
    'baselines/seg_upernet_scratch',
    'usfm/cls_custom_probe',
)
DECAY = 'optim_wrapper.paramwise_cfg.layer_decay_rate'


def content(sweep, **changed):
    return {
        'seeds': [0, 1],
        'data': {'busi': dict(task='seg', root='data/busi')},
        'options': {'seg': '--arch tiny'},
        'methods': {'USFM': dict(seg=SEG), 'scratch': dict(seg=SCRATCH)},
        'sweep': sweep,
        **changed,
    }


def commands(experiment):
    return {run.method: run.command for run in plan(experiment, Path('w')) if run.seed == 0}


def test_a_grid_becomes_a_method_for_each_point_and_others_stay():
    grid = {
        'USFM': {'--lr': ['1e-3', '3e-3'], DECAY: [0.65], 'blur': {'no blur': '', 'b': 'x.y=1'}}
    }
    experiment = make_experiment('x', content(dict(grid=grid, authors={'USFM': {DECAY: 0.8}})))
    seed = ('--cfg-options', 'randomness.seed=0')
    end = ('--arch', 'tiny', '--data-root', 'data/busi', *seed)
    decay = ('--cfg-options', f'{DECAY}=0.65')
    assert commands(experiment) == {
        'USFM,layer_decay_rate=0.8': (SEG, '--cfg-options', f'{DECAY}=0.8', *end),
        **{
            f'USFM,lr={lr},layer_decay_rate=0.65,blur={blur}': (
                SEG,
                '--lr',
                lr,
                *decay,
                *words,
                *end,
            )
            for lr in ('1e-3', '3e-3')
            for blur, words in (('no_blur', ()), ('b', ('--cfg-options', 'x.y=1')))
        },
        'scratch': (SCRATCH, *end),
    }
    assert [point.authors for point in experiment.sweep.points.values()] == [True] + [False] * 5
    assert experiment.sweep.measures == {'seg': 'DSC'}


def test_each_method_has_as_many_points_drawn_anew_only_by_another_seed():
    grid = {'--lr': ['1e-4', '3e-4', '1e-3'], '--epochs': ['20', '60', '200']}
    sweep = dict(grid={'USFM': grid, 'scratch': grid}, authors={'USFM': {}}, budget=5)
    experiment = make_experiment('x', content(sweep))
    of = [point.of for point in experiment.sweep.points.values()]
    assert (of.count('USFM'), of.count('scratch')) == (5, 5)
    assert 'USFM,config' in experiment.methods
    assert experiment == make_experiment('x', content(sweep))
    assert set(experiment.methods) != set(
        make_experiment('x', content(sweep | dict(seed=1))).methods
    )
    everything = {
        point.name for point in points_of('USFM', grid, {'--lr': '1e-3', '--epochs': '20'}, 9, 0)
    }
    assert len(everything) == 9  # the authors' point is one of the grid, and is there once


def test_no_command_of_a_sweep_opens_the_test_set(tmp_path, monkeypatch):
    data = dict(content({})['data'], knn=dict(task='knn', root='data/busi'))
    methods = {'USFM': dict(seg=SEG), 'frozen': dict(knn=CLS)}
    sweep = dict(grid={'USFM': {'--lr': ['1', '2']}})
    experiment = make_experiment('x', content(sweep, data=data, methods=methods))
    called = []
    monkeypatch.setattr(execution, 'call', lambda command, *_: called.append(command))
    for run in plan(experiment, tmp_path):
        execution.execute(run, threading.Event())
    assert len(called) == 2 * 3
    for words in called:
        assert words[3] == 'train' or words[words.index('--split') + 1] == 'val'


def test_a_choice_without_words_is_the_config():
    grid = {'USFM': {'drop': {'none': None, 'some': 'x.y=1'}}}
    experiment = make_experiment('x', content(dict(grid=grid)))
    assert [point.words for point in experiment.sweep.points.values()][:2] == [
        (), ('--cfg-options', 'x.y=1'),
    ]  # fmt: skip


def test_points_of_pre_training_are_what_methods_start_from():
    experiment = make_experiment(
        'x',
        content(
            dict(of='pretraining', grid={'A': {'--lr': ['1e-3', '2e-3']}}),
            pretraining={'A': 'usfm/pretrain_cpu', 'B': 'usfm/pretrain_cpu --mask-size 16'},
            methods={
                'A': dict(seg=SEG, pretrained='A'),
                'b': dict(seg=SEG, pretrained='B'),
                'scratch': dict(seg=SCRATCH),
            },
        ),
    )
    runs = [run for run in plan(experiment, Path('w')) if run.seed == 0]
    starts = {run.method: run.weights for run in runs if run.data}
    root = Path('w/runs/pretrain')
    assert starts == {
        'A,lr=1e-3': root / 'A,lr=1e-3/seed_0',
        'A,lr=2e-3': root / 'A,lr=2e-3/seed_0',
        'b': root / 'B/seed_0',
        'scratch': None,
    }
    trained = {run.method: run.command[:3] for run in runs if not run.data}
    assert trained['A,lr=2e-3'] == ('usfm/pretrain_cpu', '--lr', '2e-3')
    assert len(trained) == 3


GRID = {'USFM': {'--lr': ['1', '2']}}


def of_task(task, config):
    data = {'b': dict(task=task, root='d')}
    return dict(data=data, methods={'USFM': {task: config}}, options={})


@pytest.mark.parametrize(
    ('sweep', 'changed', 'message'),
    [
        ({}, {}, 'sweep needs a "grid"'),
        (dict(grid=GRID, bugdet=1), {}, "sweep: 'bugdet' is unknown.*did you mean budget"),
        (dict(grid={'usfm': {'--lr': ['1']}}), {}, "sweep, grid: 'usfm' is unknown"),
        (dict(grid={'USFM': {'--lr': 1}}), {}, 'USFM, --lr must be a list of values'),
        (dict(grid={'USFM': {'--lr': ['1', '1']}}), {}, '--lr: a value is there twice'),
        (dict(grid={'USFM': {'a.lr': ['1'], 'b.lr': ['1']}}), {}, 'two axes end with the same'),
        (dict(grid={'USFM': {'x': {'a b': '', 'a/b': 'y=1'}}}), {}, 'two points have one name'),
        (dict(grid={'USFM': {'--arch': ['tiny']}}), {}, '--arch is also given beside it'),
        (dict(grid={'USFM': {'x': {'a': '--arch tiny', 'b': ''}}}), {}, 'x is also given beside'),
        (dict(grid={'USFM': {'--data-root': ['a']}}), {}, '--data-root is also given beside it'),
        (dict(grid=GRID), dict(methods={'USFM': dict(seg=SEG), 'USFM,lr=1': dict(seg=SEG)}),
         'both named USFM,lr=1'),
        (dict(grid=GRID, budget=3), {}, 'USFM has 2 points, fewer than budget: 3'),
        (dict(grid=GRID, budget=0), {}, 'budget must be a whole number above 0'),
        (dict(grid={**GRID, 'scratch': {'--lr': ['1']}}), {}, r'in size \(USFM 2, scratch 1\)'),
        (dict(grid=GRID, authors={'USFM': {'--epochs': 2}}), {}, "'--epochs' is unknown"),
        (dict(grid=GRID, measure={'cls': 'F1'}), {}, "sweep, measure: 'cls' is unknown"),
        (dict(grid=GRID), dict(robustness=[1]), 'tests nothing'),
        (dict(grid=GRID, of='data'), {}, "sweep, of: 'data' is unknown"),
        (dict(grid=GRID), of_task('clips', SEG), 'say which counts in clips'),
        (dict(grid=GRID), of_task('knn', CLS), 'knn trains nothing'),
        (dict(grid=GRID), dict(data={'busi': dict(task='seg', root='d', options='--lr 3')}),
         '--lr is also given beside it'),
        (dict(grid=GRID), dict(data={'busi': dict(task='seg', root='d', options='--cfg-options '
         'optim_wrapper.optimizer.lr=3')}), '--lr is also given beside it'),
        (dict(grid={'USFM': {'--epochs': [1], 'train_cfg.max_epochs': [2]}}), {},
         'train_cfg.max_epochs is also given beside it'),
        (dict(grid={'A': {'--lr': ['1']}}, of='pretraining'),
         dict(pretraining={'A': 'usfm/pretrain_cpu'}), 'no method starts from A'),
    ],
)  # fmt: skip
def test_mistakes_are_named(sweep, changed, message):
    with pytest.raises(ExperimentError, match=message):
        make_experiment('x', content(sweep, **changed))


def test_a_value_of_an_option_is_no_option():
    grid = {'USFM': {'x': {'a': '--batch-size 64', 'b': '--batch-size 16 --cfg-options x.y=1'}}}
    given = {'seg': '--arch tiny --image-size 64'}
    experiment = make_experiment('x', content(dict(grid=grid), options=given))
    end = ('--arch', 'tiny', '--image-size', '64', '--data-root', 'data/busi')
    seed = ('--cfg-options', 'randomness.seed=0')
    b = ('--batch-size', '16', '--cfg-options', 'x.y=1')
    assert commands(experiment)['USFM,x=b'] == (SEG, *b, *end, *seed)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ('val_dataloader.dataset.ann_file=splits/seg_test.txt', 'list of validation and of test'),
        ('default_hooks.checkpoint.rule=less', 'that of the highest value'),
    ],
)
def test_a_sweep_chooses_by_other_images_than_are_tested_and_by_the_highest(
    tmp_path, options, message
):
    made = make_experiment('x', content(dict(grid=GRID)))
    check_choice(plan(made, tmp_path))
    made = make_experiment(
        'x', content(dict(grid=GRID), options={'seg': f'--cfg-options {options}'})
    )
    with pytest.raises(ValueError, match=message):
        check_choice(plan(made, tmp_path))


def test_sweeps_start_from_the_pre_training_of_the_small_study():
    folder = config_root() / 'experiments'
    study = read_experiment(folder / 'small_study.yaml').pretraining['USFM']
    for name in ('sweep_seg', 'sweep_cls', 'sweep_enhance'):
        assert read_experiment(folder / f'{name}.yaml').pretraining['USFM'] == study


SWEEPS = sorted((config_root() / 'experiments').glob('sweep_*.yaml'))


@pytest.mark.parametrize('path', SWEEPS, ids=[path.stem for path in SWEEPS])
def test_every_value_of_the_packages_sweeps_is_one_that_its_config_takes(path, tmp_path):
    experiment = read_experiment(path)
    assert len(experiment.sweep.points) >= 4
    points = dict(experiment.sweep.points)
    points |= {method.pretrained: points[name] for name, method in experiment.methods.items()}
    seen = set()
    for run in plan(experiment, Path('w')):
        point = points.get(run.method)
        swept = point and bool(run.data) != experiment.sweep.pretraining and run.task != 'knn'
        new = {(run.data, point.of, *item) for item in point.values.items()} - seen if swept else ()
        if new:
            own = [word for word in run.command if word not in TRAIN_ONLY]
            words = [re.sub(r'^data/.*', str(tmp_path), word) for word in own]
            if '--weights' in words:
                place = words.index('--weights')
                del words[place : place + 2]
            load(f'{words[0]}.py', *words[1:])
            seen |= new
    assert seen
