"""How a sweep ranks its points, of made-up logs."""

import csv
import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from support.experiment_runner import STUB
from usfm_mm.commands.experiment import main
from usfm_mm.experiments import execution
from usfm_mm.experiments.collecting import collect, read_parquet
from usfm_mm.experiments.plan import Run, plan
from usfm_mm.experiments.predicting import predicting_table, rank_correlation
from usfm_mm.experiments.reading import make_experiment, read_experiment
from usfm_mm.experiments.states import planned, write_state
from usfm_mm.experiments.sweep_report import report_sweep, sweep_sections
from usfm_mm.experiments.validations import validated

SEG = 'usfm/seg_custom_upernet'


def write_log(run, *validations, best='DSC_epoch_2'):
    """A training step, the validations, and the checkpoint that was best."""
    log = run.folder / 'log' / 'vis_data'
    log.mkdir(parents=True, exist_ok=True)
    rows = [dict(step=9, loss=0.5), *(dict(step=9, **each) for each in validations)]
    (log / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)))
    if run.data:
        (run.folder / f'best_{best}.pth').touch()
    else:
        (run.folder / 'last_checkpoint').touch()


def finish(run, *validations, state='done'):
    write_log(run, *validations)
    (run.folder / 'last_checkpoint').touch()
    told = dict(state=state, command=planned(run), seed=run.seed, seconds=10.0, error='full')
    write_state(run, told)


def test_the_number_is_that_of_the_best_checkpoint(tmp_path):
    run = Run('pretrain', 'a', 'busi', 'seg', 100, 0, tmp_path / 'a', ())
    write_log(
        run, dict(DSC=3.0, HD95=1.0), dict(DSC=9.0, HD95=7.0), dict(DSC=float('nan'), HD95=2.0)
    )
    assert validated(run) == dict(DSC=9.0, HD95=7.0)
    before = Run('pretrain', 'a', '', '', 100, 0, tmp_path / 'b', ())
    write_log(before, {'val/total': 0.3}, {'val/total': 0.4})  # what is used is its end
    assert validated(before) == {'val/total': 0.4, 'loss': 0.5}
    write_log(before, {'val/total': 0.3}, {'embedding/silhouette': 0.1})  # of its features
    assert validated(before) == {'val/total': 0.3, 'loss': 0.5}
    top = Run('pretrain', 'a', 'busi', 'cls', 100, 0, tmp_path / 'd', ())
    write_log(top, {'accuracy/top1': 8.0}, {'accuracy/top1': 5.0}, best='accuracy_top1_epoch_1')
    assert validated(top) == {'accuracy/top1': 8.0}  # mmengine's name of the file
    early = Run('pretrain', 'a', 'busi', 'cls', 100, 0, tmp_path / 'c', ())
    write_log(early, best='F1_iter_2')
    log = early.folder / 'log' / 'vis_data' / 'scalars.json'  # validated before a step was logged
    log.write_text('{"step": 2, "F1": 8.0}\n{"step": 9, "loss": 1}\n{"step": 9, "F1": 5.0}')
    assert validated(early) == dict(F1=8.0)
    assert validated(Run('pretrain', 'a', 'x', 'seg', 100, 0, tmp_path / 'none', ())) == {}


def experiment(**sweep):
    return make_experiment(
        'x',
        dict(
            seeds=[0, 1],
            data={'busi': dict(task='seg', root='d')},
            methods={'USFM': dict(seg=SEG), 'rival': dict(seg=SEG)},
            sweep=dict(
                grid={name: {'--lr': ['1', '2', '3']} for name in ('USFM', 'rival')},
                authors={'USFM': {'--lr': '1'}, 'rival': {'--lr': '9'}},
                budget=3,
                **sweep,
            ),
        ),
    )


SCORES = {  # by learning rate, of seeds 0 and 1
    'USFM': {'1': (50, 52), '2': (60, 64), '3': (80, None)},
    'rival': {'9': (30, 30), '1': (70, 70), '2': (40, 41), '3': (1, 1)},
}


def sections(made, folder):
    runs = plan(made, folder)
    for run in runs:
        point = made.sweep.points[run.method]
        score = SCORES[point.of][point.values['--lr']][run.seed]
        if score is None:
            finish(run, state='failed')
        else:
            finish(run, dict(DSC=float(score), HD95=float(score)), dict(DSC=0.0, HD95=0.0))
    return {part['heading']: part['table'] for part in sweep_sections(made, collect(runs))}


def test_points_stand_in_their_order_and_one_that_lacks_a_seed_is_never_the_best(tmp_path):
    found = sections(experiment(), tmp_path)
    table = [row for row in found['busi, 100 %'] if row['method'] == 'USFM']
    assert [(row['lr'], row['DSC'], row['']) for row in table] == [
        ('3', '80.0 (1 of 2 seeds)', ''),
        ('2', '62.0 ± 2.8', 'best'),
        ('1', '51.0 ± 1.4', "authors'"),
    ]
    assert [row['HD95'] for row in table] == [row['DSC'] for row in table]
    places = [row['place'] for row in found['busi, 100 %']]
    assert places == [str(place) for place in range(1, 7)]
    best = {row['method']: row for row in found["The best beside the authors'"]}
    assert list(best['USFM'].values()) == [
        *('busi', '100 %', 'USFM', 'DSC', 'lr 2', '62.0 ± 2.8'),
        *('51.0 ± 1.4', '11.0 ± 1.4', '1 of 3'),
    ]
    assert best['rival']['best - authors'] == '10.5 ± 0.7'
    assert best['rival']["authors'"] == '30.0 ± 0.0'
    (missing,) = found['Not done']
    assert (missing['state'], missing['why']) == ('failed', 'full')


def test_a_measure_that_is_better_the_lower_it_is(tmp_path):
    found = sections(experiment(measure={'seg': 'lower HD95'}), tmp_path)
    table = [row for row in found['busi, 100 %'] if row['method'] == 'USFM']
    assert [row['lr'] for row in table] == ['1', '2', '3']
    assert table[0][''] == "best, authors'"


def test_a_measure_that_no_validation_has_is_refused_with_those_there_are(tmp_path, capsys):
    made = experiment(measure=dict(seg='Dice'))
    sections(made, tmp_path)
    with pytest.raises(ValueError, match='no validation has Dice, there are DSC, HD95: give one'):
        report_sweep(made, plan(made, tmp_path), tmp_path, Console())


def test_what_predicts_is_a_rank_correlation_over_the_pre_trainings(tmp_path):
    lr = ['1', '2', '3', '4', '5']
    made = make_experiment(
        'x',
        dict(
            data={
                'busi': dict(task='seg', root='d'),
                'near': dict(task='knn', root='d'),
            },
            pretraining={'A': 'usfm/pretrain_cpu'},
            methods={'A': dict(seg=SEG, knn='usfm/cls_custom_probe', pretrained='A')},
            sweep=dict(of='pretraining', grid={'A': {'--lr': lr}}),
        ),
    )
    near, loss, results = (5, 6, 7, 8, 1), (9, 8, 7, 6, 5), (10, 20, 30, 40, 50)
    runs = plan(made, tmp_path)
    for run in runs:
        place = lr.index(run.method.partition('=')[2])
        finish(
            run,
            {'val/total': float(loss[place])} if not run.data else dict(DSC=1.0 * results[place]),
        )
        if run.task == 'knn':
            run.results.mkdir()
            run.summary.write_text(json.dumps(dict(metrics=dict(F1=float(near[place])))))
    table = {row['measure']: row for row in predicting_table(made, collect(runs))}
    assert table['validation loss of pre-training']["Spearman's rho"] == '1.00'
    told = table['k-NN, near, 100 %']  # by hand: 1 - 6 * (1 + 1 + 1 + 1 + 16) / (5 * 24)
    assert (told["Spearman's rho"], told['runs'], told['data']) == ('0.00', '5', 'busi')
    few = rank_correlation(dict(a=1, b=2, c=3), dict(a=1, b=2, c=3))
    assert few[0] != few[0]


def test_what_predicts_is_told_for_each_method(tmp_path):
    """One whose results rise with k-NN and one whose results fall, on the same pre-trainings."""
    lr = ['1', '2', '3', '4']
    commands = dict(seg=SEG, knn='usfm/cls_custom_probe', pretrained='A')
    made = make_experiment(
        'x',
        dict(
            data={'busi': dict(task='seg', root='d'), 'near': dict(task='knn', root='d')},
            pretraining={'A': 'usfm/pretrain_cpu'},
            methods={'up': commands, 'down': commands},
            sweep=dict(of='pretraining', grid={'A': {'--lr': lr}}),
        ),
    )
    runs = plan(made, tmp_path)
    for run in runs:
        place = 1.0 + lr.index(run.method.partition('=')[2])
        sign = -1 if run.method.startswith('down') else 1
        finish(run, {'val/total': place} if not run.data else dict(DSC=50 + sign * place))
        if run.task == 'knn':
            run.results.mkdir()
            run.summary.write_text(json.dumps(dict(metrics=dict(F1=place))))
    found = {
        row['method']: row["Spearman's rho"]
        for row in predicting_table(made, collect(runs))
        if row['measure'].startswith('k-NN')
    }
    assert found == {'up': '1.00', 'down': '-1.00'}


@pytest.fixture
def file(tmp_path):
    (tmp_path / 'data' / 'splits').mkdir(parents=True)
    (tmp_path / 'data' / 'splits' / 'seg_train.txt').touch()
    content = dict(
        title='Rates',
        note='Made up.',
        seeds=[0, 1],
        data={'busi': dict(task='seg', root=str(tmp_path / 'data'))},
        methods={'m': dict(seg='baselines/seg_upernet_scratch')},
        sweep=dict(grid={'m': {'--lr': ['1e-4', '1e-3', '1e-2']}}, authors={'m': {}}, budget=3),
    )
    path = tmp_path / 'rates.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_sweep_runs_goes_on_and_writes_its_tables(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(execution, 'USFM', STUB)
    folder = str(tmp_path / 'w')
    main([str(file), '--work-dir', folder, '--dry-run'])
    assert '6 runs, 0 of them pre-training, 0 done' in capsys.readouterr().out
    main([str(file), '--work-dir', folder])
    runs = plan(read_experiment(file), Path(folder))
    logs = {run.folder: (run.folder / 'log.txt').read_text() for run in runs}
    assert all(' train ' in log and ' test ' not in log for log in logs.values())
    main([str(file), '--work-dir', folder])
    assert logs == {run.folder: (run.folder / 'log.txt').read_text() for run in runs}
    results = tmp_path / 'w' / 'rates'
    rows = [row for row in read_parquet(results / 'results.parquet') if row['measure'] == 'DSC']
    means = sorted(
        (sum(r['value'] for r in rows if r['method'] == run.method) / 2 for run in runs[:3]),
        reverse=True,
    )
    with (results / 'results.csv').open() as table:
        cells = [row['DSC'].split(' ± ')[0] for row in csv.DictReader(table)]
    assert cells == [f'{mean:.1f}' for mean in means]
    text = (results / 'results.md').read_text()
    assert text.startswith('# Rates\n\nMade up.\n')
    assert 'no test image was seen' in text
    assert (results / 'results.html').read_text().count('href="../runs/busi/m,') >= 3
    (runs[0].folder / 'run.json').unlink()
    with pytest.raises(ChildProcessError, match='1 of 6 runs are not done'):
        main([str(file), '--work-dir', folder, '--table'])
