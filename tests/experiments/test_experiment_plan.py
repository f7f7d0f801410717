"""What an experiment's file says, and the runs that come of it."""

from pathlib import Path

import pytest
import yaml

from usfm_mm.config.files import config_root
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.reading import (
    ExperimentError,
    find_experiment,
    make_experiment,
    read_experiment,
    with_seeds,
)

SEG, CLS = 'baselines/seg_upernet_scratch', 'baselines/cls_vit_scratch'


PRE = 'usfm/pretrain_cpu'
PLAIN = {'m': dict(seg=SEG, cls=CLS)}


def content(**changed):
    return {
        'seeds': [3, 4],
        'percent': [20, 100],
        'pretraining': {
            'A': 'usfm/pretrain_cpu --data-root data/small',
            'unused': 'usfm/pretrain_cpu',
        },
        'options': {'seg': '--image-size 112', 'pretrain': '--workers 0'},
        'data': {
            'busi': dict(task='seg', root='data/busi'),
            'us': dict(task='cls', root='data/us'),
        },
        'methods': {
            'A': dict(seg=f'{SEG} --arch tiny', cls=CLS, pretrained='A'),
            'b': dict(seg=SEG),
        },
        **changed,
    }  # fmt: skip


def test_every_combination_is_a_run_behind_its_pre_training():
    runs = plan(make_experiment('x', content()), Path('w'))
    assert [(run.stage, run.data, run.method, run.percent, run.seed) for run in runs] == [
        row
        for seed in (3, 4)
        for row in [
            ('pretrain', '', 'A', 100, seed),
            *(
                ('adapt', data, method, percent, seed)
                for percent in (20, 100)
                for data, method in (('busi', 'A'), ('busi', 'b'), ('us', 'A'))
            ),
        ]
    ]
    assert len({run.folder for run in runs}) == len(runs)
    pretraining, first, second = runs[:3]
    assert first.weights == pretraining.folder
    assert second.weights is None
    seed = ('--cfg-options', 'randomness.seed=3')
    data = ('--data-root', 'data/small', '--workers', '0')
    assert pretraining.command == ('usfm/pretrain_cpu', *data, *seed)
    own = ('--arch', 'tiny', '--image-size', '112', '--data-root', 'data/busi')
    assert first.command == (SEG, *own, *seed)


def test_worse_images_are_for_tests_of_single_images_whatever_the_task_is_called():
    configs = {
        'clips': 'usfm/table_label_linear',
        'pairs': 'usfm/enhance_custom_cyclegan',
        'knn': 'usfm/cls_custom_probe',
        'masks': SEG,
        'probe': 'usfm/cls_custom_probe',
    }
    data = {task: dict(task=task, root='data') for task in configs}
    told = dict(robustness=[2], data=data, methods={'m': configs})
    runs = plan(make_experiment('x', told), Path('w'))
    assert {run.task for run in runs if run.corruptions} == {'masks', 'probe'}


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        (dict(seed=[1]), "key: 'seed' is unknown.*did you mean seeds"),
        (dict(seeds=[1, 1]), 'seeds must be a list of different whole numbers'),
        (dict(percent=[0]), 'percent must be'),
        (dict(robustness=[0]), 'robustness must be a list of different whole numbers from 1 to 5'),
        (dict(methods={}, data={'busi': {}}), 'data, busi needs a "task" and a "root"'),
        (dict(methods={'m': dict(pretrained='A')}), 'm needs a config for one of cls, seg'),
        (dict(methods={'m': dict(seg=SEG, pretrained='C')}), "'C' is unknown; there are A, unused"),
        (
            dict(methods={'m': dict(seg=SEG, pretrained='A', encoder='timm/resnet18')}),
            'm starts from A and names --encoder: leave out one',
        ),
        (dict(methods={'a/b': dict(seg=SEG)}), 'without "/"'),
        (dict(data={'a/b': dict(task='seg', root='d')}), 'data, a/b: .* without "/"'),
        (dict(pretraining={'a/b': PRE}, methods=PLAIN), 'pretraining, a/b: .* without "/"'),
        (dict(methods={'m': dict(seg=SEG)}), 'data, us: no method has a config for its task cls'),
        (dict(methods={'m': dict(seg=f"{SEG} '")}), 'methods, m, seg: No closing quotation'),
        (dict(options={'seg': "'"}), 'options, seg: No closing quotation'),
        (dict(seeds=[[0, 1]]), 'seeds must be a list of different whole numbers'),
        (dict(options={'sog': '--amp'}), "options: 'sog' is unknown"),
    ],
)  # fmt: skip
def test_mistakes_are_named(changed, message):
    with pytest.raises(ExperimentError, match=message):
        make_experiment('x', content(**changed))


def test_a_config_that_is_not_there_and_a_file_that_is_not_yaml(tmp_path):
    with pytest.raises(FileNotFoundError, match='usfm/nothing: no such config'):
        make_experiment('x', content(methods={'m': dict(seg='usfm/nothing')}))
    (tmp_path / 'a.yaml').write_text('a: [')
    with pytest.raises(ExperimentError, match=r'a\.yaml is not YAML'):
        read_experiment(tmp_path / 'a.yaml')
    with pytest.raises(FileNotFoundError, match='no such experiment; there are .*table2'):
        find_experiment('nothing')


def test_experiments_of_the_page_are_understood():
    page = (Path(__file__).parents[2] / 'docs' / 'experiments.md').read_text()
    texts = [block.split('```')[0] for block in page.split('```yaml\n')[1:]]
    contents = [content for content in map(yaml.safe_load, texts) if 'title' in content]
    assert len(contents) == 3
    for content in contents:
        experiment = make_experiment('x', content)
        names = {run.method for run in plan(experiment, Path('w')) if run.data}
        points = experiment.sweep.points if experiment.sweep else {}
        assert {points[name].of if points else name for name in names} == set(content['methods'])


EXPERIMENTS = sorted((config_root() / 'experiments').glob('*.yaml'))


@pytest.mark.parametrize('path', EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_experiments_of_the_package_expand(path):
    experiment = read_experiment(path)
    runs = plan(experiment, Path('w'))
    methods = {run.method for run in runs if run.data}
    assert methods == set(experiment.methods)
    assert {run.data for run in runs} - {''} == set(experiment.data)
    assert len(experiment.seeds) >= 3 or path.stem.endswith(('_quick', '_short', '_kinds'))


def test_options_of_one_data_set_win_over_those_of_its_task(tmp_path):
    data = {
        'busi': dict(task='seg', root='data/busi', options='--image-size 96 --epochs 3'),
        'hc18': dict(task='seg', root='data/hc18'),
    }
    methods = {'b': dict(seg=SEG)}
    runs = plan(make_experiment('x', content(data=data, methods=methods)), tmp_path)
    commands = {run.data: ' '.join(run.command) for run in runs}
    both = '--image-size 112 --image-size 96 --epochs 3 --data-root data/busi'
    assert both in commands['busi']
    assert '--image-size 112 --data-root data/hc18' in commands['hc18']


def test_some_of_the_seeds_are_a_part_of_the_same_runs(tmp_path):
    experiment = make_experiment('x', content(seeds=[3, 4, 5]))
    whole = plan(experiment, tmp_path)
    part = plan(with_seeds(experiment, [5, 3]), tmp_path)
    assert part == [run for run in whole if run.seed != 4]
    assert with_seeds(experiment, [5, 3]).note == 'A part: seeds 3, 5 of 3, 4, 5.'
    assert with_seeds(experiment, None) == with_seeds(experiment, [3, 4, 5]) == experiment
    with pytest.raises(ExperimentError, match='--seeds: 7 is unknown; there are 3, 4, 5'):
        with_seeds(experiment, [3, 7])
