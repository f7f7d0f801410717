"""Figures of a report, and its table by organ, of made-up tests."""

import base64
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from sklearn.calibration import calibration_curve
from sklearn.decomposition import PCA
from sklearn.metrics import recall_score
from sklearn.neighbors import KNeighborsClassifier

from usfm_mm.experiments.collecting import collect
from usfm_mm.experiments.embeddings import (
    nearest_organs,
    organ_features_table,
    read_features,
)
from usfm_mm.experiments.organs import organ_table
from usfm_mm.experiments.outcomes import answers_of
from usfm_mm.experiments.plan import PRETRAIN, plan
from usfm_mm.experiments.reading import make_experiment
from usfm_mm.experiments.reconstructions import show_reconstructions
from usfm_mm.experiments.report import report
from usfm_mm.experiments.sections import sections_of
from usfm_mm.experiments.states import planned, write_state
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.io.table import write_table
from usfm_mm.visualization.bars import bars
from usfm_mm.visualization.components import principal_components
from usfm_mm.visualization.reliability import reliability_diagram

ORGANS = ('liver', 'thyroid')
NAMES = ('SSIM', 'LNCC', 'NMI', 'PSNR')


@pytest.fixture(scope='module')
def done(tmp_path_factory):
    """Two pre-trainings and a control, on classes and on pairs of two organs; all is done."""
    folder = tmp_path_factory.mktemp('figures')
    own = dict(cls='usfm/cls_custom_linear', enhance='usfm/enhance_custom_cyclegan')
    experiment = make_experiment(
        'both',
        dict(
            title='Both',
            seeds=[0, 1],
            percent=[100],
            pretraining={'USFM': 'usfm/pretrain_cpu', 'USFM-woS': 'usfm/pretrain_cpu'},
            data={
                'busi': dict(task='cls', root=str(folder), paper='Breast'),
                'pairs': dict(task='enhance', root=str(folder)),
            },
            methods={
                'USFM-woS': own | dict(pretrained='USFM-woS'),
                'USFM': own | dict(pretrained='USFM'),
                'scratch': dict(cls='baselines/cls_vit_scratch'),
            },
        ),
    )
    runs = plan(experiment, folder)
    rng = np.random.default_rng(0)
    for run in runs:
        run.folder.mkdir(parents=True)
        if run.stage == PRETRAIN:
            (run.folder / 'last_checkpoint').write_text('')
            finish_pretraining(run, rng)
        elif run.task == 'cls':
            finish_classes(run, rng)
        else:
            finish_pairs(run)
        write_state(run, dict(command=planned(run), state='done', seconds=1.0))
    return experiment, runs, folder


def finish_pretraining(run, rng):
    """Features of three organs, which one of the pre-trainings tells apart."""
    (run.folder / 'embedding').mkdir()
    (run.folder / 'reconstruction').mkdir()
    organs = np.repeat(['breast', 'liver', 'thyroid'], 8)
    features = rng.normal(0, 1, (24, 6))
    if run.method == 'USFM':
        features += 40 * np.eye(6)[np.repeat([0, 1, 2], 8)]
    features[:, 5] *= 1000  # brightness, say, which must not decide
    told = dict(features=features, organs=organs, kind='mean+std')
    np.savez(run.folder / 'embedding' / 'epoch_001.npz', **told)
    image = np.full((10, 20), 20 * run.seed + (run.method == 'USFM'), np.uint8)
    (run.folder / 'reconstruction' / 'epoch_001.png').write_bytes(encode_png(image))


def finish_classes(run, rng):
    rows = []
    for number in range(200):
        score = rng.uniform(0.5, 1)
        right = rng.random() < score
        answer = number % 2 if right else 1 - number % 2
        scores = dict(score=score, score_a=score, score_b=1 - score)
        rows.append(dict(image=f'i{number}.png', truth='ab'[number % 2], prediction='ab'[answer]))
        rows[-1] |= scores
    write_table(run.results / 'per_image.csv', rows)
    run.summary.write_text(json.dumps(dict(metrics=dict(F1=70.0))))


def finish_pairs(run):
    better = 10 * run.seed + (run.method == 'USFM')
    values = {name: 50.0 + better + place for place, name in enumerate(NAMES)}
    rows = [
        dict(image=f'{organ}_{i}.png', organ=organ, **values)
        | {f'{name}_input': 20.0 + i for name in NAMES}
        for organ in ORGANS
        for i in (0, 1)
    ]
    write_table(run.results / 'per_image.csv', rows)
    metrics = values | {f'{name}/{organ}': values[name] for name in NAMES for organ in ORGANS}
    cost = dict(parameters_m=85.8, gflops=16.9, images_per_s=9.0, memory_mb=900.0)
    (run.results / 'cost.json').write_text(json.dumps(cost))
    metrics['gain:1/SSIM'] = 7.0  # of images that were made worse
    run.summary.write_text(json.dumps(dict(metrics=metrics)))


def test_organs_are_apart_with_what_was_before_and_the_papers_rows(done):
    experiment, runs, _ = done
    table = organ_table(experiment, collect(runs), runs)
    assert [(row['organ'], row['method']) for row in table[:6]] == [
        ('liver', 'low quality'),
        ('liver', 'USFM-woS'),
        ('liver', 'USFM'),
        ('liver', "CycleGAN (the paper's)"),
        ('liver', "SimMIM (the paper's)"),
        ('liver', "USFM (the paper's)"),
    ]
    before, _, own, *_, printed = table[:6]
    assert before['SSIM'] == '20.5'
    assert own['SSIM'] == '56.0 ± 7.1'  # 51 and 61
    assert own['NMI'] == '58.0 ± 7.1'
    assert printed['SSIM'].startswith('76.6')  # its Table 4
    assert len(table) == 12
    assert {name for row in table for name in row} == {'data', 'labels', 'organ', 'method', *NAMES}


def test_one_organ_needs_no_table_of_its_own(done):
    experiment, runs, _ = done
    rows = [row for row in collect(runs) if not row['measure'].endswith('/thyroid')]
    assert organ_table(experiment, rows, runs) == []


def test_all_figures_are_files_and_on_the_page(done):
    experiment, runs, folder = done
    output = io.StringIO()
    report(experiment, runs, folder / 'both', Console(file=output))
    page = (folder / 'both' / 'results.html').read_text()
    text = (folder / 'both' / 'results.md').read_text()
    for name in ('ablation', 'reliability', 'features', 'reconstruction'):
        assert (folder / 'both' / f'{name}.png').is_file()
        assert f'({name}.png)' in text
        svg = (folder / 'both' / f'{name}.svg').read_text()
        assert svg[svg.index('<svg') :] in page
    assert not (folder / 'both' / 'label_efficiency.png').exists()  # one share
    assert 'Results by organ, enhancement' in output.getvalue()
    again = (folder / 'both' / 'ablation.svg').read_bytes()
    report(experiment, runs, folder / 'both', Console(file=output))
    assert (folder / 'both' / 'ablation.svg').read_bytes() == again


def test_features_are_measured_in_their_own_space(done):
    table = {row['pre-training']: row for row in organ_features_table(done[1])}
    assert float(table['USFM']['silhouette, %'].split()[0]) > 30
    assert float(table['USFM']['5 nearest, %'].split()[0]) > 95
    assert abs(float(table['USFM-woS']['silhouette, %'].split()[0])) < 20
    assert float(table['USFM-woS']['5 nearest, %'].split()[0]) < 70


def test_features_of_an_older_kind_are_left_out_with_a_word(done, tmp_path):
    experiment, runs, folder = done
    copied = shutil.copytree(folder / 'runs' / 'pretrain', tmp_path / 'pretrain')
    moved = [
        replace(run, folder=copied / run.folder.relative_to(folder / 'runs' / 'pretrain'))
        for run in runs
        if run.stage == PRETRAIN
    ]
    place = copied / 'USFM' / 'seed_1' / 'embedding'
    with np.load(place / 'epoch_001.npz') as held:
        former = dict(features=held['features'][:, :3], organs=held['organs'])
    np.savez(place / 'epoch_001.npz', **former)  # as it was: no kind, and the mean alone
    held, told = read_features(moved)
    assert {(each.run.method, each.run.seed) for each in held} == {
        ('USFM', 0), ('USFM-woS', 0), ('USFM-woS', 1),
    }  # fmt: skip
    assert told == 'Left out, as the others have features mean+std: USFM seed 1 (mean).'
    table = {row['pre-training']: row for row in organ_features_table(moved)}
    assert table['USFM']['silhouette, %'].endswith(' (1 of 2 seeds)')
    assert 'of' not in table['USFM-woS']['silhouette, %']
    (part,) = sections_of(experiment, [], {}, [], moved)
    assert part['text'].endswith(told)
    for seed in (0, 1):
        np.savez(copied / 'USFM' / f'seed_{seed}' / 'embedding' / 'epoch_001.npz', **former)
        np.savez(copied / 'USFM-woS' / f'seed_{seed}' / 'embedding' / 'epoch_001.npz', **former)
    held, told = read_features(moved)  # all of them older: nothing is mixed
    assert (len(held), told) == (4, '')


@pytest.mark.parametrize('k', [1, 5])
def test_neighbours_are_those_of_scikit_learn(k):
    rng = np.random.default_rng(1)
    features, organs = rng.normal(size=(60, 3)), np.repeat(['a', 'b'], [20, 40])
    found = []
    for i in range(60):
        rest = np.arange(60) != i
        near = KNeighborsClassifier(k, metric='cosine').fit(features[rest], organs[rest])
        found.append(near.predict(features[i : i + 1])[0] == organs[i])
    expected = 100 * recall_score(
        organs, np.where(found, organs, 'c'), average=None, labels=['a', 'b']
    )
    assert nearest_organs(features, organs, k) == pytest.approx(expected.mean())


def test_components_are_those_of_scikit_learn():
    features = np.random.default_rng(0).normal(size=(30, 5)) * [5, 3, 1, 1, 1]
    points, shares = principal_components(features)
    reference = PCA(2).fit(features)
    np.testing.assert_allclose(np.abs(points), np.abs(reference.transform(features)))
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_)


def test_the_panel_is_that_of_the_method_that_the_experiment_is_about(done, tmp_path):
    experiment, runs, _ = done
    for about, value in (('USFM', 1), ('USFM-woS', 0)):
        svg = show_reconstructions(replace(experiment, about=about), runs, tmp_path)
        image = read_grey(tmp_path / 'reconstruction.png')
        assert image.shape[:2] == (10, 20)
        assert (image == value).all()
        held = svg.split('base64,')[1].split('"')[0]
        assert base64.b64decode(held) == (tmp_path / 'reconstruction.png').read_bytes()
        assert 'viewBox="0 0 20 10"' in svg
    assert show_reconstructions(experiment, [], tmp_path) == ''


def test_a_bar_is_as_long_as_its_value_and_a_square_is_the_papers():
    panel = {'scratch': (50.0, 45.0, 55.0), 'USFM': (60.0, float('nan'), float('nan'))}
    axes = bars({'BUSI': panel}, {'BUSI': {'USFM': 77.0, 'nobody': 1.0}}).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [50.0, 60.0]
    assert axes.get_ylim()[0] == 0
    interval, square = axes.lines  # one interval is not known
    assert list(interval.get_ydata()) == [45.0, 55.0]
    assert (list(square.get_xdata()), list(square.get_ydata())) == ([1], [77.0])


def test_reliability_is_drawn_as_scikit_learn_bins_it(done):
    from usfm_mm.evaluation.calibration import reliability

    run = next(run for run in done[1] if run.task == 'cls')
    confidence, right = answers_of(run.results)
    found = reliability(confidence, right, bins=10)
    shares, means = calibration_curve(right, confidence, n_bins=10)
    np.testing.assert_allclose(found[:, 0], means)
    np.testing.assert_allclose(found[:, 1], shares)
    axes = reliability_diagram({'busi': {'USFM': found}}).axes[0]
    np.testing.assert_allclose(axes.lines[1].get_xdata(), means)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), shares)
