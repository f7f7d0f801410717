"""Reading, checking and splitting an index."""

import os

import numpy as np
import pyarrow as pa
import pytest

from usfm_mm.io.index import codes, find_index, hold_out, read_index, write_index

COLUMNS = {
    'path': ['b/1.png', 'a/1.png', 'a/2.png'],
    'organ': ['liver', 'breast', 'liver'],
    'patient': ['p', None, 'q'],
}


def write_csv(root, text):
    (root / 'index.csv').write_text(text)


@pytest.mark.parametrize('name', ['index.parquet', 'index.csv'])
def test_round_trip(tmp_path, name):
    write_index(pa.table(COLUMNS), tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    table = read_index(tmp_path)
    assert table.column_names == ['path', 'organ', 'patient']
    assert table['path'].to_pylist() == COLUMNS['path']
    organ_codes, names = codes(table['organ'])
    assert names == ['breast', 'liver']
    assert organ_codes.tolist() == [1, 0, 1]
    patient_codes, names = codes(table['patient'])
    assert names == ['p', 'q']
    assert patient_codes.tolist() == [0, -1, 1]


def test_many_row_groups_share_one_set_of_codes(tmp_path):
    organs = ['liver'] * 5 + ['breast'] * 5 + ['liver', 'nerve']
    table = pa.table({'path': [f'{i}.png' for i in range(12)], 'organ': organs})
    pa.parquet.write_table(table, tmp_path / 'index.parquet', row_group_size=5)
    found, names = codes(read_index(tmp_path)['organ'])
    assert [names[i] for i in found] == organs


def test_numbers_as_patients_and_columns_wanted(tmp_path):
    write_csv(tmp_path, 'path,organ,patient,_note\na.png,liver,007,x\nb.png,liver,8,\n')
    assert read_index(tmp_path)['patient'].to_pylist() == ['007', '8']
    assert read_index(tmp_path, columns=('path', 'organ')).column_names == ['path', 'organ']
    table = pa.table({'path': ['a'], 'organ': ['liver'], 'patient': [7]})
    pa.parquet.write_table(table, tmp_path / 'index.parquet')
    assert read_index(tmp_path, tmp_path / 'index.parquet')['patient'].to_pylist() == ['7']


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (
            'file,organ\na.png,liver\n',
            "'path' is missing.*'file' is unknown.*has the columns 'file'",
        ),
        (
            'path,organ,patients\na.png,liver,1\n',
            r"'patients' is unknown \(did you mean 'patient'\?\)",
        ),
        ('path,organ\n', 'lists no images'),
        ('path,organ\na.png,liver\nb.png,\n', r'"organ" is empty in 1 rows \(first: data row 2\)'),
        ('path,organ\na.png,liver\nb.png,"  "\n', '"organ" is empty in 1 rows'),
        ('path,organ\n,liver\n', '"path" is empty in 1 rows'),
        ('path,organ\na.png,liver\na.png,liver\nb.png,liver\n', "1 paths occur.*'a.png'"),
        ('path,organ\n/a.png,liver\n', "relative to the data root.*'/a.png'"),
        ('path,organ\nC:\\a.png,liver\n', 'relative to the data root'),
        ('path,organ\nx/../../a.png,liver\n', "'x/../../a.png'"),
        ('path,organ\na.png,liver,3\n', 'cannot be read'),
    ],
)
def test_bad_index_names_file_and_fault(tmp_path, text, message):
    write_csv(tmp_path, text)
    with pytest.raises(ValueError, match=f'index.csv.*{message}'):
        read_index(tmp_path)


def test_dots_in_a_name_are_fine(tmp_path):
    write_csv(tmp_path, 'path,organ\nx..y/a...png,liver\n')
    assert len(read_index(tmp_path)) == 1


def test_damaged_parquet(tmp_path):
    (tmp_path / 'index.parquet').write_bytes(b'no table')
    with pytest.raises(ValueError, match='index.parquet cannot be read'):
        read_index(tmp_path)


def test_finding(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match='tools/make_index.py'):
        find_index(tmp_path)
    root, other = tmp_path / 'root', tmp_path / 'other'
    root.mkdir()
    other.mkdir()
    write_index(pa.table(COLUMNS), root / 'index.csv')
    assert find_index(root).name == 'index.csv'
    write_index(pa.table(COLUMNS), root / 'index.parquet')
    assert find_index(root).name == 'index.parquet'
    write_index(pa.table(COLUMNS), other / 'small.parquet')
    assert find_index(root, other / 'small.parquet') == other / 'small.parquet'
    monkeypatch.chdir(tmp_path)
    assert find_index(root, 'other/small.parquet').samefile(other / 'small.parquet')


def test_write_refuses_unknown_columns_and_names(tmp_path):
    with pytest.raises(ValueError, match="'age' is unknown"):
        write_index(pa.table({**COLUMNS, 'age': [1, 2, 3]}), tmp_path / 'index.csv')
    with pytest.raises(ValueError, match='index.parquet or index.csv'):
        write_index(pa.table(COLUMNS), tmp_path / 'index.xlsx')


def test_hold_out_by_organ_and_patient():
    rng = np.random.default_rng(0)
    organs = np.repeat([0, 1, 2, 3], [5000, 400, 20, 19])
    patients = np.where(rng.random(len(organs)) < 0.5, rng.integers(0, 300, len(organs)), -1)
    patients[patients >= 0] += 1000 * organs[patients >= 0]
    held = hold_out(organs, patients, 0.1)
    np.testing.assert_array_equal(held, hold_out(organs, patients, 0.1))
    assert not np.array_equal(held, hold_out(organs, patients, 0.1, seed=1))
    counts = [held[organs == organ].sum() for organ in range(4)]
    assert 480 <= counts[0] <= 500
    assert 36 <= counts[1] <= 40
    assert counts[2] in (1, 2)
    assert counts[3] == 0
    known = patients >= 0
    assert not set(patients[known & held]) & set(patients[known & ~held])


def test_hold_out_of_small_organs():
    organs, patients = np.repeat([0, 1, 2], [12, 2, 1]), np.full(15, -1)
    assert not hold_out(organs, patients, 0.1).any()
    held = hold_out(organs, patients, 0.1, min_images=2)
    assert np.bincount(organs[held], minlength=3).tolist() == [1, 1, 0]


def test_hold_out_large_patients():
    # 3 patients of 10, 15 and 25: none is within 1 %, so the smallest is taken
    patients = np.repeat([0, 1, 2], [15, 10, 25])
    held = hold_out(np.zeros(50, int), patients, 0.01)
    np.testing.assert_array_equal(held, patients == 1)
    assert not hold_out(np.zeros(50, int), np.zeros(50, int), 0.5).any()
    with pytest.raises(ValueError, match='fraction'):
        hold_out(np.zeros(50, int), patients, 1.0)
