"""What is kept of an experiment makes the same tables elsewhere."""

import json
import sys
import tarfile
from pathlib import Path

import pytest

from benchmarks import keep_results
from usfm_mm.experiments.collecting import collect
from usfm_mm.experiments.comparing import cases_of, intervals
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.reading import make_experiment
from usfm_mm.experiments.states import check_same_options, planned, write_state
from usfm_mm.io.table import write_table


@pytest.fixture
def experiment():
    data = {name: dict(task='seg', root='nowhere') for name in ('busi', 'covid_blues')}
    methods = {
        'USFM': dict(seg='usfm/seg_custom_upernet', pretrained='USFM'),
        'scratch': dict(seg='baselines/seg_upernet_scratch'),
    }
    pretraining = dict(USFM='usfm/pretrain_cpu')
    content = dict(seeds=[0, 1], data=data, methods=methods, pretraining=pretraining)
    return make_experiment('x', content | dict(about='USFM'))


def finish(run):
    told = dict(state='done', command=planned(run), seed=run.seed, seconds=2.0)
    write_state(run, told | dict(error='Meier_Hans.png: the file is cut off'))
    (run.folder / 'iter_9.pth').write_bytes(b'weights')
    (run.folder / 'last_checkpoint').write_text(str(run.folder / 'iter_9.pth'))
    if run.data:
        scores = {f'{n}.png': 50.0 + n + run.seed + len(run.method) for n in range(6)}
        rows = [dict(image=f'/home/me/{image}', DSC=score) for image, score in scores.items()]
        write_table(run.folder / 'test' / 'per_image.csv', rows)
        metrics = dict(DSC=sum(scores.values()) / 6)
        for summary in (run.summary, run.corrupted('gain:3') / 'test' / 'summary.json'):
            summary.parent.mkdir(parents=True, exist_ok=True)
            summary.write_text(json.dumps(dict(metrics=metrics)))


def test_the_tables_are_the_same_and_no_place_of_the_machine_is_told(
    experiment, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    here, there = Path('here'), Path('there')
    runs = plan(experiment, here)
    for run in runs:
        finish(run)
    archive = Path('kept.tar.xz')
    monkeypatch.setattr(sys, 'argv', ['keep_results', str(here), str(archive), '--seeds', '1'])
    keep_results.main()
    with tarfile.open(archive) as packed:
        packed.extractall(there, filter='data')
    told = {path: path.read_text() for path in there.rglob('*') if path.is_file()}
    for place in ('/home/me', str(tmp_path), 'Meier'):
        assert not any(place in text for text in told.values())
    assert not any(path.suffix == '.pth' for path in told)
    assert len([path for path in told if path.parent.parent.name == 'gain_3']) == 4
    assert not [path for path in told if 'covid_blues' in str(path) and path.suffix == '.csv']
    again = plan(experiment, there)
    for run in again:
        check_same_options(run)
    wanted, found = (
        [dict(row, error='') for row in collect(all_) if row['seed'] == 1] for all_ in (runs, again)
    )
    for row in (*wanted, *found):
        row |= dict(folder=Path(row['folder']).name)
    assert found == wanted
    assert {row['state'] for row in found} == {'done'}
    assert {row['state'] for row in collect(again) if row['seed'] == 0} == {'open'}
    seed = [run for run in runs if run.seed == 1 and run.data != 'covid_blues']
    expected, own = (intervals(experiment, cases_of(all_)) for all_ in (seed, again))
    assert own == expected


def test_a_path_of_the_machine_is_refused(experiment, tmp_path, monkeypatch):
    run = plan(experiment, tmp_path / 'here')[0]  # an absolute work dir
    finish(run)
    adapt = next(each for each in plan(experiment, tmp_path / 'here') if each.weights)
    finish(adapt)
    archive = tmp_path / 'kept.tar.xz'
    monkeypatch.setattr(sys, 'argv', ['keep_results', str(tmp_path / 'here'), str(archive)])
    with pytest.raises(ValueError, match=r'run\.json tells of /.*: run with relative paths'):
        keep_results.main()
    assert not archive.exists()


def test_results_of_other_options_are_not_tabulated(experiment, tmp_path):
    run = plan(experiment, tmp_path)[1]
    write_state(run, dict(state='done', command=planned(run).replace('upernet', 'upernet --amp')))
    with pytest.raises(ValueError, match='was made with other options'):
        check_same_options(run)
    elsewhere = planned(run).replace(str(run.weights), '/mnt/other/runs/pretrain/USFM/seed_0')
    write_state(run, dict(state='done', command=elsewhere))
    check_same_options(run)
