"""What an experiment's report says, of made-up tests of images."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import f1_score

from usfm_mm.experiments.collecting import COST, collect, read_parquet
from usfm_mm.experiments.comparing import against_best_other, cases_of, intervals, not_compared
from usfm_mm.experiments.outcomes import patients_of, read_outcomes
from usfm_mm.experiments.paper import paper_cell, paper_numbers
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.reading import make_experiment
from usfm_mm.experiments.report import html, report, show
from usfm_mm.experiments.sections import sections_of
from usfm_mm.experiments.states import planned, write_state
from usfm_mm.io.table import write_table

CLASSES = ('benign', 'malignant', 'normal')


@pytest.fixture(scope='module')
def done(tmp_path_factory):
    """An experiment of two methods; one run has failed."""
    folder = tmp_path_factory.mktemp('report')
    (folder / 'data').mkdir()
    index = [dict(path=f'images/i{n}.png', patient=f'p{n // 2}') for n in range(30)]
    write_table(folder / 'data' / 'index.csv', index)
    seg, cls = 'baselines/seg_upernet_scratch', 'baselines/cls_vit_scratch'
    data = {
        'busi': dict(task='seg', root=str(folder / 'data'), paper='Breast'),
        'busi_classes': dict(task='cls', root=str(folder / 'data'), paper='Breast'),
    }
    methods = {name: dict(seg=seg, cls=cls) for name in ('UperNet', 'USFM', 'worst_one')}
    experiment = make_experiment(
        'both',
        dict(title='Both', note='Made up.', about='USFM', seeds=[0, 1, 2], percent=[20, 100])
        | dict(data=data, methods=methods),
    )
    runs = plan(experiment, folder)
    rng = np.random.default_rng(0)
    for run in runs:
        told = dict(command=planned(run), seed=run.seed, config=run.command[0], seconds=5.0)
        failed = (run.method, run.data, run.percent, run.seed) == ('UperNet', 'busi', 20, 1)
        if not failed:
            finish(run, dict(USFM=8.0, UperNet=0.0, worst_one=-9.0)[run.method], rng)
        write_state(run, told | dict(state='failed' if failed else 'done', error='a disk was full'))
    return experiment, runs, folder


def finish(run, better, rng):
    truth = [CLASSES[n % 3] for n in range(30)]
    if run.task == 'seg':
        scores = np.arange(30) + 50 + better + rng.normal(0, 1, 30)
        rows = [dict(image=f'/d/i{n}.png', DSC=score) for n, score in enumerate(scores)]
        metrics = dict(DSC=scores.mean(), HD95=9.0, DSC_std=scores.std())
    else:
        right = rng.random(30) < 0.6 + better / 40
        answers = [t if r else CLASSES[0] for t, r in zip(truth, right, strict=True)]
        rows = [
            dict(image=f'/d/i{n}.png', truth=truth[n], prediction=answers[n], score=0.9)
            | {f'score_{name}': 0.9 if name == answers[n] else 0.05 for name in CLASSES}
            for n in range(30)
        ]
        metrics = dict(F1=100 * f1_score(truth, answers, average='macro', zero_division=0))
    write_table(run.folder / 'test' / 'per_image.csv', rows)
    cost = dict(parameters_m=85.8, gflops=16.9 + run.seed, images_per_s=1234.5, memory_mb=900.0)
    (run.folder / 'test' / 'cost.json').write_text(json.dumps(cost))
    run.summary.write_text(json.dumps(dict(metrics=metrics)))


@pytest.fixture(scope='module')
def written(done):
    experiment, runs, folder = done
    output = io.StringIO()
    with pytest.raises(ChildProcessError, match='1 of 36 runs are not done .*a disk was full'):
        report(experiment, runs, folder / 'both', Console(file=output))
    return folder / 'both', output.getvalue()


def test_a_failure_is_in_every_table(done, written):
    folder, printed = written
    assert '(2 of 3 seeds)' in printed
    text = (folder / 'results.md').read_text()
    assert '| UperNet, busi, 20 %, seed 1 | failed | a disk was full | ' in text
    rows = read_parquet(folder / 'results.parquet')
    (failed,) = (row for row in rows if row['state'] == 'failed')
    assert (failed['value'], failed['method'], failed['seed']) == (None, 'UperNet', 1)
    assert rows == collect(done[1])


def test_values_are_those_of_the_tests(done, written):
    experiment, runs, _ = done
    with (written[0] / 'results.csv').open() as file:
        table = {(r['data'], r['labels'], r['method']): r for r in csv.DictReader(file)}
    values = [
        json.loads(run.summary.read_text())['metrics']['F1']
        for run in runs
        if (run.data, run.method, run.percent) == ('busi_classes', 'USFM', 100)
    ]
    cell = table['busi_classes', '100 %', 'USFM']['F1']
    assert cell == f'{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}'
    cost = [table['busi_classes', '100 %', 'USFM'][name] for name in COST]
    assert cost == ['85.8', '17.9', '1234', '900']
    assert table['busi', '100 %', "USFM (the paper's)"]['DSC'] == '84.3 ± 17.8'
    assert table['busi', '20 %', "USFM (the paper's)"]['DSC'] == '72.4'
    assert ('busi_classes', '100 %', "UperNet (the paper's)") not in table
    for row in intervals(experiment, cases_of(runs)):
        assert row['low'] < row['value'] < row['high']
        if (row['data'], row['method'], row['percent']) == ('busi_classes', 'USFM', 100):
            assert row['value'] == pytest.approx(np.mean(values))


def test_one_method_against_the_best_other(done):
    experiment, runs, _ = done
    rows = against_best_other(experiment, cases_of(runs))
    first, *_ = rows
    assert [(row['data'], row['percent'], row['other']) for row in rows[:2]] == [
        ('busi', 20, 'UperNet'),
        ('busi_classes', 20, 'UperNet'),
    ]
    assert first['seeds'] == 2  # of those that both have
    assert first['low'] < first['difference'] < first['high']
    assert first['difference'] == pytest.approx(8, abs=0.6)
    assert first['p'] < 0.001
    assert all(row['p'] <= row['p_holm'] <= 4 * row['p'] for row in rows)


def test_what_cannot_be_compared_is_no_rival_and_is_told(done):
    experiment, runs, _ = done
    cases = cases_of([run for run in runs if run.data == 'busi_classes' and run.percent == 20])
    ((case, methods),) = cases.items()
    own, best, worst = (methods[name] for name in ('USFM', 'UperNet', 'worst_one'))
    # The best one was tested with another seed; nothing can be exchanged.
    cases = {case: dict(methods, UperNet=replace(best, values=best.values[:1], seeds=(7,)))}
    (row,) = against_best_other(experiment, cases)
    assert row['other'] == 'worst_one'
    assert row['p_holm'] == row['p']
    assert not_compared(experiment, cases) == ['busi_classes, 20 %: UperNet']
    # Another one was tested on fewer images.
    fewer = replace(worst, values=worst.values[:, :9], images=worst.images[:9])
    cases = {case: dict(methods, worst_one=fewer)}
    assert against_best_other(experiment, cases)[0]['other'] == 'UperNet'
    cases = {case: dict(USFM=own, worst_one=fewer)}
    assert against_best_other(experiment, cases) == []
    sections = sections_of(experiment, [], cases, intervals(experiment, cases))
    assert [each['heading'] for each in sections] == ['Intervals']
    assert sections[0]['text'].endswith('in common: busi_classes, 20 %: worst_one.')
    sections = sections_of(experiment, [], {case: dict(methods, worst_one=fewer)}, [])
    (section,) = (each for each in sections if 'against' in each['heading'])
    assert section['text'].endswith('in common: busi_classes, 20 %: worst_one.')


def test_the_best_other_is_that_of_the_seeds_in_common(done):
    experiment, runs, _ = done
    cases = cases_of([run for run in runs if run.data == 'busi' and run.percent == 100])
    ((case, methods),) = cases.items()
    own, other = methods['USFM'], methods['UperNet']
    lucky = replace(other, values=np.stack([other.values[0] - 30, other.values[1] + 99]))
    lucky = replace(lucky, seeds=(0, 9))
    ((row,)) = against_best_other(experiment, {case: dict(methods, lucky=lucky)})
    assert row['other'] == 'UperNet'
    assert row['patients'] == 15
    assert own.seeds == (0, 1, 2)


def test_the_page_is_whole_and_every_number_leads_to_its_run(done, written):
    _, runs, folder = done
    page = (written[0] / 'results.html').read_text()
    for loaded in ('src=', 'href="http', '@import', 'url(http'):
        assert loaded not in page
    assert '<script' not in page
    assert '<svg' in page
    for run in runs:
        link = f'../{run.folder.relative_to(folder)}'
        assert f'<a href="{link}">' in page
        assert (written[0] / link).is_dir()
        assert f'id="{run.data}/{run.method}"' in page
        assert f'href="#{run.data}/{run.method}"' in page
    assert 'class="paper"' in page


def test_latex_and_figures(written):
    tex = (written[0] / 'results.tex').read_text()
    assert r'busi & 20 \% & UperNet & ' in tex
    assert r'worst\_one' in tex
    assert tex.count('{') == tex.count('}')
    tables = tex.split(r'\begin{tabular}{')[1:]
    assert len(tables) == 2  # segmentation and classification
    for table in tables:
        columns = table.split('}')[0]
        body = table.split(r'\midrule')[1].split(r'\bottomrule')[0].strip().splitlines()
        assert {line.count(' & ') + 1 for line in body} == {len(columns)}
    for name in ('label_efficiency.png', 'label_efficiency.svg', 'reliability.svg'):
        assert (written[0] / name).stat().st_size > 1000


def test_patients_are_those_of_the_index(done, tmp_path):
    root = done[2] / 'data'
    assert patients_of(root, ['i0.png', 'i1.png', 'i2.png', 'x.png']) == ['p0', 'p0', 'p1', 'x.png']
    assert patients_of(tmp_path, ['a.png']) == ['a.png']


def test_patients_of_synthetic_images_and_of_a_table_that_a_spreadsheet_saved(tmp_path):
    text = 'path,patient,center\nlow_quality/a.png,p1,B\nlow_quality/b.png,p1,B\n'
    (tmp_path / 'patients.csv').write_text(text, encoding='utf-8-sig')
    assert patients_of(tmp_path, ['a.png', 'b.png']) == ['p1', 'p1']
    (tmp_path / 'index.csv').write_text(text.replace('p1', 'p2'), encoding='utf-8-sig')
    assert patients_of(tmp_path, ['a.png', 'b.png']) == ['p2', 'p2']
    (tmp_path / 'index.csv').write_text('image,patient\na.png,p1\n')
    with pytest.raises(ValueError, match=r'index\.csv has no column "path"'):
        patients_of(tmp_path, [])


def test_images_of_one_name_in_several_folders_are_told_apart(tmp_path):
    rows = [dict(image=f'data/{folder}/1.png', DSC=place) for place, folder in enumerate('ab')]
    write_table(tmp_path / 'r' / 'per_image.csv', [*rows, dict(image='data/c/2.png', DSC=7.0)])
    found = read_outcomes({0: tmp_path / 'r'})
    assert found.images == ('2.png', 'data/a/1.png', 'data/b/1.png')
    assert found.values.tolist() == [[7.0, 0.0, 1.0]]
    table = [dict(path=f'{folder}/{name}.png', patient=f'p{folder}')
             for folder, name in ('a1', 'b1', 'c2', 'd3', 'e3')]  # fmt: skip
    write_table(tmp_path / 'index.csv', table)
    assert patients_of(tmp_path, found.images) == ['pc', 'pa', 'pb']
    assert patients_of(tmp_path, ['3.png']) == ['3.png']  # of two patients: of whom is not known


def test_links_and_printed_tables_keep_any_name(done, tmp_path, capsys):
    parts = [
        dict(heading='Results', text='', table=[dict(data='busi', method='A [b] #2', DSC='1.0')]),
        dict(heading='Runs', text='', table=[dict(run='r', folder='w/runs/busi/A [b] #2/100')]),
    ]
    page = html(done[0], parts, tmp_path / 'w')
    assert 'href="#busi/A%20%5Bb%5D%20%232"' in page
    assert 'id="busi/A [b] #2"' in page
    show(parts[0]['table'], 'T [t]', Console())
    shown = capsys.readouterr().out
    assert 'A [b] #2' in shown
    assert 'T [t]' in shown


def test_clips_are_of_the_patients_of_their_frames(tmp_path):
    rows = [('images/c1/00000.png', 'p1'), ('images/c2/00000.png', 'p1'), ('images/s.png', 'p2')]
    write_table(tmp_path / 'index.csv', [dict(path=path, patient=of) for path, of in rows])
    assert patients_of(tmp_path, ['c1', 'c2', 's.png', 'c3']) == ['p1', 'p1', 'p2', 'c3']


def test_seeds_of_other_images_are_refused(tmp_path):
    for seed, name in enumerate('ab'):
        rows = [dict(image=f'{name}.png', DSC=1.0)]
        write_table(tmp_path / str(seed) / 'per_image.csv', rows)
    with pytest.raises(ValueError, match='tested on other images'):
        read_outcomes({0: tmp_path / '0', 1: tmp_path / '1'})
    assert read_outcomes({}) is None
    assert read_outcomes({0: tmp_path}) is None


def test_the_papers_numbers_are_those_of_its_tables():
    """Spot checks by hand, and the number of rows: 6 x 4 x 5, 13 x 5, 3 x 4 x 3 and the text's."""
    assert paper_cell('Neck', 'seg', 'nnUnet', 100, 'HD95') == '12.3 ± 12.0'
    assert paper_cell('Fetus', 'cls', 'USFM', 100, 'MCC') == '92.0 ± 0.2'
    assert paper_cell('Abdomen', 'cls', 'SimMIM', 100, 'ACC') == '90.0 ± 1.9'
    assert paper_cell('Kidney', 'enhance', 'CycleGAN', 100, 'NMI') == '24.5 ± 1.3'
    assert paper_cell('Abdomen', 'cls', 'USFM', 100, 'MCC') == ''
    assert len(paper_numbers()) == 120 + 65 + 36 + 21
