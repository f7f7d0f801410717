"""From scans and a table to answers: what predict says of a file is what the test said."""

import csv

import numpy as np
import pytest
from mmengine.registry import RUNNERS

from support.table_data import CLASSES, LABELS, config, write_scans
from usfm_mm.apis import classify, load_model, occlude
from usfm_mm.commands import export_model, predict, prepare_data
from usfm_mm.io.image import read_grey


def read(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp('scans')
    folder, table = write_scans(root)
    columns = ['--columns', 'patient=Patient ID,label=Diagnosis']
    told = ['--labels', *LABELS, '--values', 'EF']
    prepare_data.main(
        ['table', str(folder), str(root / 'data'), '--table', str(table), *columns, *told]
    )
    return root


@pytest.fixture(scope='module', params=('label', 'labels', 'values'))
def run(request, prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    cfg = config(request.param, prepared / 'data', folder, 'AttentionFrames')
    cfg.test_dataloader.dataset.pipeline[0].num_frames = 4
    runner = RUNNERS.build(cfg)
    runner.train()
    runner.test()
    return request.param, folder, prepared


def test_what_a_table_has_beside_is_said(tmp_path, capsys):
    folder, table = write_scans(tmp_path)
    told = ['--table', str(table), '--columns', 'label=Diagnosis', '--patients', r'(p\d+)_']
    prepare_data.main(['table', str(folder), str(tmp_path / 'data'), *told])
    shown = ' '.join(capsys.readouterr().out.split())
    assert (
        "patient from 'Patient ID', label from 'Diagnosis'. Not used: A-lines, B-lines, EF."
        in shown
    )
    assert '8 images and 8 clips in' in shown


def test_prepared_as_the_table_says(prepared):
    data = prepared / 'data'
    rows = [
        row
        for split in ('train', 'val', 'test')
        for row in read(data / f'splits/table_{split}.csv')
    ]
    assert len(rows) == 16
    told = {row['File']: row for row in read(prepared / 'scans.csv')}
    for row in rows:
        source = told[row['file'].removesuffix('.png')]
        assert row['patient'] == source['Patient ID']
        assert row['label'] == source['Diagnosis']
        assert row['A-lines'] == str(int(source['A-lines'] == 'yes'))
        assert float(row['EF']) == float(source['EF'])
        assert row['frames'] == ('9' if row['file'].endswith('clip') else '0')
    splits = [
        {row['patient'] for row in read(data / f'splits/table_{split}.csv')}
        for split in ('train', 'val', 'test')
    ]
    assert sum(map(len, splits)) == len(set.union(*splits)) == 8
    index = read(data / 'index.csv')
    assert len(index) == 8 + 8 * 9
    assert all((data / row['path']).is_file() for row in index)


def test_predict_says_what_the_test_said(run, tmp_path):
    target, folder, root = run
    [checkpoint] = folder.glob('best_*.pth')
    runner_rows = {
        row['image'].rpartition('/')[2]: row for row in read(folder / 'test/per_image.csv')
    }
    scans = [str(root / 'scans' / f'{n}') for n in ('*.png', '*.avi')]
    # The test was of the last weights, and so are these: one epoch.
    predict.main([str(checkpoint), *scans, '--out', str(tmp_path / 'answers')])
    rows = read(tmp_path / 'answers' / 'predictions.csv')
    assert len(rows) == 16
    compared = 0
    for row in rows:
        name = row['file'].rpartition('/')[2].replace('.avi', '')
        assert row['frames'] == ('4' if name.endswith('clip') else '1')
        if name not in runner_rows:
            continue
        compared += 1
        tested = runner_rows[name]
        if target == 'values':
            assert float(row['EF']) == pytest.approx(float(tested['value_EF']), abs=2e-4)
            continue
        names = CLASSES if target == 'label' else LABELS
        for label in names:
            assert float(row[f'score_{label}']) == pytest.approx(
                float(tested[f'score_{label}']), abs=1e-5
            )
        if target == 'label':
            assert row['label'] == tested['prediction']
        else:
            there = [label for label in names if float(tested[f'score_{label}']) >= 0.5]
            assert row['findings'] == '; '.join(there)
    assert compared == len(runner_rows) >= 2
    assert len(list((tmp_path / 'answers' / 'overlays').rglob('*.png'))) == 16


def test_arrays_are_clips_too(run):
    _, folder, root = run
    model = load_model(next(iter(folder.glob('best_*.pth'))))
    frames = np.stack([read_grey(p) for p in sorted((root / 'data/images/p0_clip').glob('*.png'))])
    [of_file] = classify(model, root / 'scans' / 'p0_clip.avi')
    [of_array] = classify(model, [frames])
    kept = 'values' if model.card.kind == 'values' else 'scores'
    assert getattr(of_file, kept) == pytest.approx(getattr(of_array, kept), abs=1e-6)
    [twice] = classify([model, model], [frames])
    assert getattr(twice, kept) == pytest.approx(getattr(of_array, kept), abs=1e-6)
    [checkpoint] = folder.glob('best_*.pth')
    with pytest.raises(
        ValueError, match='a model of clips, which is not exported: "usfm predict .*best_.*pth"'
    ):
        export_model.main([str(checkpoint), str(folder / 'a.onnx')])
    with pytest.raises(ValueError, match='only answers of one class about single images'):
        next(occlude(model, [frames]))


WRONG = {
    'a file that is not there': (
        'p3_clip,p3',
        'p33_clip,p3',
        r"scans.csv, line 9, column File: 'p33_clip' is no picture",
    ),
    'no number': (',30.5', ',high', r"scans.csv, line \d+, column EF: 'high' is no number"),
    'neither yes nor no': (
        'no ,',
        'maybe,',
        r"scans.csv, line 2, column A-lines: 'maybe' is neither yes nor no",
    ),
    'no class': (',mild,', ',,', 'scans.csv, line 2, column Diagnosis: no class'),
    'a file twice': (
        'p1_clip',
        'p1_still',
        r'scans.csv, line 5: .*p1_still.png is told at .*line 4 too',
    ),
}


@pytest.mark.parametrize('case', WRONG)
def test_row_and_column_of_what_is_wrong(case, prepared, tmp_path):
    old, new, message = WRONG[case]
    text = (prepared / 'scans.csv').read_text()
    assert old in text
    table = tmp_path / 'scans.csv'
    table.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        prepare(prepared, tmp_path, table)
    assert not (tmp_path / 'data').exists()


def prepare(root, folder, table, *more):
    columns = ['--columns', 'patient=Patient ID,label=Diagnosis']
    told = ['--labels', *LABELS, '--values', 'EF']
    prepare_data.main(
        [
            'table',
            str(root / 'scans'),
            str(folder / 'data'),
            '--table',
            str(table),
            *columns,
            *told,
            *more,
        ]
    )


def test_a_patient_in_two_splits_and_an_unknown_column(prepared, tmp_path):
    rows = read(prepared / 'scans.csv')
    table = tmp_path / 'scans.csv'
    for number, row in enumerate(rows):
        row['split'] = ('train', 'train', 'val', 'test')[number % 4]
    with table.open('w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(
        ValueError, match='line 5, column split: patient p1 is in test, at .*line 4 in val'
    ):
        prepare(prepared, tmp_path, table)
    with pytest.raises(ValueError, match="no column 'E F': its columns are File, Patient ID"):
        prepare(prepared, tmp_path, table, '--values', 'E F')
