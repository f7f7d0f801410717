"""Figures of a report, and its table by organ, of made-up tests."""

import base64
import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

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
from usfm_mm.experiments.enhanced import draw_enhanced
from usfm_mm.experiments.organs import PAPER, organ_table
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
from usfm_mm.visualization.tiles import tile_panel

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
            finish_pairs(run, folder)
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


def finish_pairs(run, pictures):
    """Pairs of two organs, each with measures of its own, as their test writes them."""
    rng = np.random.default_rng([run.seed, run.method == 'USFM'])
    rows = []
    for place, organ in enumerate((*ORGANS, ORGANS[0])):
        name = f'{organ}_{place}.png'
        row = dict(image=str(pictures / f'low_{name}'), reference=str(pictures / f'high_{name}'))
        row |= dict(organ=organ)
        for measure in NAMES:
            row[measure], row[f'{measure}_input'] = rng.uniform(0, 100), 20.0 + place
        shade = 100 * run.seed + 10 * (run.method == 'USFM') + place
        for path, grey in ((row['image'], 200), (row['reference'], 250)):
            Path(path).write_bytes(encode_png(np.full((8, 8), grey + place, np.uint8)))
        enhanced = run.results / 'enhanced' / f'low_{name}'
        enhanced.parent.mkdir(parents=True, exist_ok=True)
        enhanced.write_bytes(encode_png(np.full((8, 8), shade, np.uint8)))
        rows.append(row)
    write_table(run.results / 'per_image.csv', rows)
    metrics = {name: np.mean([row[name] for row in rows]) for name in NAMES}
    for organ in ORGANS:
        for name in NAMES:
            own = [row[name] for row in rows if row['organ'] == organ]
            metrics |= {f'{name}/{organ}': np.mean(own), f'{name}_std/{organ}': np.std(own)}
    cost = dict(parameters_m=85.8, gflops=16.9, images_per_s=9.0, memory_mb=900.0)
    (run.results / 'cost.json').write_text(json.dumps(cost))
    metrics['gain:1/SSIM'] = 7.0  # of images that were made worse
    run.summary.write_text(json.dumps(dict(metrics=metrics)))


def measured(runs, method, organ, column):
    """Mean over the images of each seed, from what its test wrote of each image."""
    means = []
    for run in runs:
        if (run.task, run.method) == ('enhance', method):
            with (run.results / 'per_image.csv').open(newline='') as file:
                rows = [row for row in csv.DictReader(file) if organ in (row['organ'], 'all')]
            means.append(np.mean([float(row[column]) for row in rows]))
    return means


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
    assert table[5]['SSIM'].startswith('76.6')  # its Table 4
    assert [row['organ'] for row in table[12:]] == ['all'] * 3
    assert [row['images'] for row in table[::6]] == ['2', '1', '3']
    ours = [row for row in table if not row['method'].endswith(PAPER)]
    assert len(ours) == 9
    for row in ours:
        for name in NAMES:
            if row['method'] == 'low quality':
                (value, other) = measured(runs, 'USFM', row['organ'], f'{name}_input')
                assert row[name] == f'{value:.1f}' == f'{other:.1f}'
            else:
                values = measured(runs, row['method'], row['organ'], name)
                assert row[name] == f'{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}'
    columns = {'data', 'labels', 'organ', 'method', 'images', *NAMES}
    assert {name for row in table for name in row} == columns


def test_one_organ_is_told_beside_what_was_before_and_needs_no_row_of_all(done):
    experiment, runs, _ = done
    rows = [row for row in collect(runs) if not row['measure'].endswith('/thyroid')]
    table = organ_table(experiment, rows, runs)
    assert [row['organ'] for row in table] == ['liver'] * 6
    assert organ_table(experiment, [row for row in rows if row['task'] == 'cls'], runs) == []


def test_methods_that_get_images_of_other_sizes_have_a_row_of_before_each(done, tmp_path):
    experiment, runs, folder = done
    shutil.copytree(folder / 'runs', tmp_path / 'runs')
    moved = [replace(run, folder=tmp_path / run.folder.relative_to(folder)) for run in runs]
    for run in moved:
        if (run.task, run.method) == ('enhance', 'USFM'):
            table = run.results / 'per_image.csv'
            table.write_text(table.read_text().replace(',20.0,', ',30.0,'))
    told = [row['method'] for row in organ_table(experiment, collect(moved), moved)[:3]]
    assert told == ['low quality, as USFM-woS gets it', 'low quality, as USFM gets it', 'USFM-woS']


def test_a_panel_shows_what_each_method_made_of_the_same_images(done, tmp_path, monkeypatch):
    experiment, runs, _ = done
    drawn = []
    monkeypatch.setattr(
        'usfm_mm.visualization.enhancement.tile_panel',
        lambda groups, title: drawn.append(groups) or tile_panel(groups, title=title),
    )
    assert list(draw_enhanced(experiment, runs, tmp_path)) == ['enhanced_pairs']
    (groups,) = drawn
    assert sorted(groups) == ['liver: low_liver_0', 'liver: low_liver_2', 'thyroid: low_thyroid_1']
    captions = ['low quality', 'USFM-woS', 'USFM', 'high quality']
    for heading, tiles in groups.items():
        place = int(heading[-1])
        assert [tile.caption.split('\n')[0] for tile in tiles] == captions
        shades = [200 + place, place, 10 + place, 250 + place]  # of the first seed
        assert [int(tile.image[0, 0]) for tile in tiles] == shades
    with (runs_of(runs, 'USFM').results / 'per_image.csv').open(newline='') as file:
        scores = {Path(row['image']).stem: float(row['SSIM']) for row in csv.DictReader(file)}
    for heading, tiles in groups.items():
        stem = heading.partition(': ')[2]
        assert tiles[2].caption == f'USFM\nSSIM {scores[stem]:.1f} %'


def test_a_picture_that_is_gone_costs_the_panel_alone(done, tmp_path):
    experiment, runs, folder = done
    shutil.copytree(folder / 'runs', tmp_path / 'runs')
    moved = [replace(run, folder=tmp_path / run.folder.relative_to(folder)) for run in runs]
    (runs_of(moved, 'USFM').results / 'enhanced' / 'low_liver_0.png').unlink()
    with pytest.warns(UserWarning, match=r'no enhanced_pairs\.png: .*low_liver_0\.png'):
        assert draw_enhanced(experiment, moved, tmp_path) == {}


def runs_of(runs, method):
    """The first run of enhancement of a method."""
    return next(run for run in runs if (run.task, run.method) == ('enhance', method))


def test_all_figures_are_files_and_on_the_page(done):
    experiment, runs, folder = done
    output = io.StringIO()
    report(experiment, runs, folder / 'both', Console(file=output))
    page = (folder / 'both' / 'results.html').read_text()
    text = (folder / 'both' / 'results.md').read_text()
    for name in ('ablation', 'reliability', 'features', 'reconstruction', 'enhanced_pairs'):
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
