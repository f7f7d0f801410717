"""A centre that training never sees."""

from pathlib import Path

import pytest
from mmengine.config import DictAction

from usfm_mm.experiments import execution
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.preflight import check_runs
from usfm_mm.experiments.reading import ExperimentError, make_experiment
from usfm_mm.experiments.states import planned
from usfm_mm.io.table import write_table

CONFIGS = {'seg': 'baselines/seg_upernet_scratch', 'cls': 'baselines/cls_vit_scratch'}


@pytest.fixture
def root(tmp_path):
    """Twelve images, every third of centre B; names have blanks."""
    (tmp_path / 'splits').mkdir()
    names = [f'a b{n}' for n in range(12)]
    parts = dict(train=names[:6], train_20=names[:3], val=names[6:9], test=names[9:])
    for split, chosen in parts.items():
        for task, line in (('seg', '{}'), ('cls', '{}.png 1')):
            text = ''.join(line.format(name) + '\n' for name in chosen)
            (tmp_path / 'splits' / f'{task}_{split}.txt').write_text(text)
    rows = [dict(path=f'images/{n}.png', center='ACB'[int(n[3:]) % 3]) for n in names]
    write_table(tmp_path / 'index.csv', rows)
    return tmp_path


def experiment(root, task='cls', unseen=None):
    data = dict(task=task, root=str(root), unseen=unseen or dict(center='B'))
    return make_experiment(
        'x', dict(percent=[20, 100], data={'d': data}, methods={'m': {task: CONFIGS[task]}})
    )


def lists_of(command):
    words = [word for word in command if '_dataloader.dataset.ann_file=' in word]
    pairs = [DictAction._parse_iterable(word.partition('=')[2]) for word in words]
    return {word.split('_')[0]: Path(file) for word, file in zip(words, pairs, strict=True)}


@pytest.mark.parametrize('task', ['seg', 'cls'])
@pytest.mark.parametrize('percent', [20, 100])
def test_training_never_sees_it_and_the_test_nothing_else(root, tmp_path, task, percent):
    runs = plan(experiment(root, task), tmp_path / 'w')
    check_runs(experiment(root, task), runs)
    (run,) = (run for run in runs if run.percent == percent)
    files = lists_of(execution.training(run))
    found = {name: file.read_text().splitlines() for name, file in files.items()}
    numbers = {
        name: [int(line.removesuffix('.png 1')[3:]) for line in lines]
        for name, lines in found.items()
    }
    assert numbers['train'] == ([0, 1] if percent == 20 else [0, 1, 3, 4])
    assert numbers['val'] == [6, 7]
    assert numbers['test'] == [2, 5, 8, 11]
    assert all(file.is_absolute() for file in files.values())
    assert '--unseen center=B' in planned(run)


def test_mistakes_are_named(root, tmp_path):
    for unseen, message in (
        (dict(device='B'), r"index\.csv has no column 'device' \(path, center\)"),
        (dict(center='D'), "center is A, B, C; one of several must be kept for the test, not 'D'"),
    ):
        wrong = experiment(root, unseen=unseen)
        with pytest.raises(ValueError, match=message):
            check_runs(wrong, plan(wrong, tmp_path / 'w'))
    with pytest.raises(ExperimentError, match='data, d, unseen: give one column with a value'):
        experiment(root, unseen=dict(center='A', device='B'))


def test_a_list_without_images_is_refused(root, tmp_path):
    (root / 'splits' / 'cls_val.txt').write_text('a b8.png 1\n')
    run = plan(experiment(root), tmp_path / 'w')[0]
    with pytest.raises(ValueError, match='no image for val where center is not B'):
        execution.training(run)


def test_what_the_index_does_not_know_is_never_trained_on(root, tmp_path):
    with (root / 'splits' / 'cls_train.txt').open('a') as file:
        file.write('other.png 1\n')
    run = plan(experiment(root), tmp_path / 'w')[-1]
    with pytest.raises(ValueError, match=r"'other\.png 1' of a list is not in index\.csv"):
        execution.training(run)
