"""Reading and checking an index."""

import json
import os

import pyarrow as pa
import pyarrow.parquet
import pytest

from usfm_mm.io.index import codes, find_index, read_about, read_index, write_index

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


def test_mean_and_std_are_kept_in_parquet(tmp_path):
    write_index(pa.table(COLUMNS), tmp_path / 'index.parquet', {'mean': [31.5], 'std': [40.25]})
    metadata = pa.parquet.read_schema(tmp_path / 'index.parquet').metadata
    assert json.loads(metadata[b'usfm_mm']) == {'mean': [31.5], 'std': [40.25]}
    write_index(pa.table(COLUMNS), tmp_path / 'index.csv', {'mean': [31.5]})
    assert read_about(tmp_path / 'index.parquet')['std'] == [40.25]
    assert read_about(tmp_path / 'index.csv') == {}
    assert (tmp_path / 'index.csv').read_text().startswith('"path","organ","patient"')
    assert len(read_index(tmp_path)) == 3


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
    with pytest.raises(FileNotFoundError, match='usfm index'):
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
