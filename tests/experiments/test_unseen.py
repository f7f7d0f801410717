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
    with pytest.raises(ValueError, match='no image for val where center is not B'):
        check_runs(experiment(root), [run])


def test_what_the_index_does_not_know_is_never_trained_on(root, tmp_path):
    with (root / 'splits' / 'cls_train.txt').open('a') as file:
        file.write('other.png 1\n')
    run = plan(experiment(root), tmp_path / 'w')[-1]
    with pytest.raises(ValueError, match=r"'other\.png 1' of a list is not in index\.csv"):
        execution.training(run)


def index_of(root, edit):
    """Lines of the index, the header first, as ``edit`` leaves them."""
    file = root / 'index.csv'
    lines = file.read_text().splitlines()
    edit(lines)
    file.write_text('\n'.join([*lines, '']))


@pytest.mark.parametrize('task', ['seg', 'cls'])
def test_images_of_unknown_centres_are_neither_trained_on_nor_tested(root, tmp_path, task):
    def edit(lines):
        for number in (1, 7, 10):  # of training, validation and test
            lines[1 + number] = lines[1 + number].replace(',C', ',')

    index_of(root, edit)
    (run,) = (run for run in plan(experiment(root, task), tmp_path / 'w') if run.percent == 100)
    told = check_runs(experiment(root, task), [run])
    assert told == [
        f'd: 3 image(s) neither trained on nor tested: {root / "index.csv"} has no center of them'
    ]
    files = lists_of(execution.training(run))
    numbers = {
        name: [int(line.removesuffix('.png 1')[3:]) for line in file.read_text().splitlines()]
        for name, file in files.items()
    }
    assert numbers == dict(train=[0, 3, 4], val=[6], test=[2, 5, 8, 11])
    left = (run.folder / 'lists' / 'left_out.txt').read_text().splitlines()
    assert [int(line.removesuffix('.png 1')[3:]) for line in left] == [1, 7, 10]


@pytest.mark.parametrize(
    ('edit', 'message'),
    [
        (lambda lines: lines.__setitem__(3, 'images/a b2.png'), 'line 4: 1 cells under 2 names'),
        (lambda lines: lines.__setitem__(3, lines[3] + ',x'), 'line 4: 3 cells under 2 names'),
        (lambda lines: lines.__setitem__(0, 'file,center'), "no column 'path' .file, center.: add"),
        (
            lambda lines: lines.append('other/a b2.png,A'),
            r'index\.csv: several files are called a b2\.png, and their center is A, B: rename',
        ),
    ],
)  # fmt: skip
def test_an_index_that_cannot_be_read_is_told_before_anything_runs(root, tmp_path, edit, message):
    index_of(root, edit)
    with pytest.raises(ValueError, match=message):
        check_runs(experiment(root), plan(experiment(root), tmp_path / 'w'))
    assert not (tmp_path / 'w').exists()


def test_blank_lines_and_marks_of_spreadsheets_are_nothing(root, tmp_path):
    file = root / 'index.csv'
    file.write_text(file.read_text() + '\n', encoding='utf-8-sig')
    for name in ('val', 'train'):
        file = root / 'splits' / f'cls_{name}.txt'
        file.write_text(f'\n{file.read_text()}\n')
    run = plan(experiment(root), tmp_path / 'w')[-1]
    assert check_runs(experiment(root), [run]) == []
    val = lists_of(execution.training(run))['val'].read_text()
    assert val == 'a b6.png 1\na b7.png 1\n'


def test_missing_lists_and_configs_without_any_are_named(root, tmp_path):
    (root / 'splits' / 'cls_val.txt').unlink()
    runs = plan(experiment(root), tmp_path / 'w')
    with pytest.raises(FileNotFoundError, match=r'cls_val\.txt: no such list; "usfm prepare"'):
        check_runs(experiment(root), runs)
    (root / 'splits' / 'table_train.csv').touch()
    data = dict(task='table', root=str(root), unseen=dict(center='B'))
    table = make_experiment(
        'x', dict(data={'d': data}, methods={'m': dict(table='baselines/table_vit_scratch')})
    )
    with pytest.raises(ValueError, match='unseen: is for lists of images, and baselines/table_vit'):
        check_runs(table, plan(table, tmp_path / 'w'))
