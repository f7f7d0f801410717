"""Tables of one's own images: which columns are taken, and how others are told."""

import csv

import pytest

from support.release_files import image, mask, seg_names
from usfm_mm.commands.prepare_data import main

NAMES = [f'case{letter}' for letter in 'abcdefgh']


def table(tmp_path, header, row, sign=','):
    """A set with masks and a table of it; the command's arguments."""
    for name in NAMES:
        image(tmp_path / 'own/images' / f'{name}.png')
        mask(tmp_path / 'own/masks' / f'{name}.png', (3, 9, 3, 20))
    rows = [row(i, name) for i, name in enumerate(NAMES)]
    path = tmp_path / 'own' / 'table.csv'
    path.write_text('\n'.join(sign.join(line) for line in [header, *rows]), encoding='utf-8')
    return ['folder', str(tmp_path / 'own'), str(tmp_path / 'out'), '--table', str(path)]


@pytest.mark.parametrize('sign', [',', ';', '\t'])
def test_usual_names_of_columns_are_found(tmp_path, capsys, sign):
    header = ['No', 'Image Name', 'Patient_ID', 'DIAGNOSIS', ' Set ']
    arguments = table(
        tmp_path,
        header,
        lambda i, name: [str(i), name, f'p{i // 2}', 'ab'[i % 2], 'Test' if i > 5 else 'train'],
        sign,
    )
    main(arguments)
    shown = ' '.join(capsys.readouterr().out.split())
    told = "name from 'Image Name', patient from 'Patient_ID', label from 'DIAGNOSIS', split from"
    assert told in shown
    assert 'left out' not in shown  # the table is taken
    assert 'classification, 2 classes (a, b)' in shown
    with (tmp_path / 'out' / 'index.csv').open(newline='') as file:
        assert {row['patient'] for row in csv.DictReader(file)} == {'p0', 'p1', 'p2', 'p3'}
    assert seg_names(tmp_path / 'out')['test'] == set(NAMES[6:])


def test_columns_of_other_names_are_told(tmp_path, capsys):
    header = ['frame', 'Fall', 'finding', 'diagnosis']
    arguments = table(
        tmp_path, header, lambda i, name: [f'{name}.png', f'p{i // 2}', 'ab'[i % 2], '']
    )
    with pytest.raises(
        ValueError, match='has no column of names: its columns are frame, Fall, .*--c'
    ):
        main(arguments)
    main([*arguments, '--columns', 'name=frame,patient=Fall,label=finding'])
    assert "patient from 'Fall', label from 'finding'" in ' '.join(capsys.readouterr().out.split())
    with pytest.raises(
        ValueError, match='--columns label=Finding: the columns of .* are frame, Fa'
    ):
        main([*arguments, '--columns', 'name=frame,label=Finding'])
    for wrong in ('who=Fall', 'patient'):
        with pytest.raises(ValueError, match=f'--columns {wrong}: write name=COLUMN,patient='):
            main([*arguments, '--columns', wrong])
    with pytest.raises(SystemExit):
        main([*arguments[:3], '--columns', 'name=frame'])


def test_two_columns_for_one_thing_and_cells_that_lack(tmp_path):
    header = ['file', 'patient', 'class', 'diagnosis']
    arguments = table(
        tmp_path, header, lambda i, name: [name, f'p{i // 2}', 'ab'[i % 2], 'x' if i else '']
    )
    with pytest.raises(
        ValueError, match='class and diagnosis both seem to tell the label: name one'
    ):
        main(arguments)
    with pytest.raises(ValueError, match="no label, others have: fill in 'diagnosis', or .*label="):
        main([*arguments, '--columns', 'label=diagnosis'])
    main([*arguments, '--columns', 'label='])
    assert (tmp_path / 'out/splits/seg_train.txt').is_file()
    assert not (tmp_path / 'out/splits/cls_train.txt').exists()


def test_a_question_about_patients_points_at_a_table_that_tells_them(tmp_path):
    for n in range(12):
        name = f'{100 + n // 2}_{n % 2 + 1}'
        image(tmp_path / 'own/images' / f'{name}.png')
        mask(tmp_path / 'own/masks' / f'{name}.png', (3, 9, 3, 20))
    (tmp_path / 'own' / 'p.csv').write_text('Image,PatientID\n100_1,7\n')
    with pytest.raises(ValueError, match=r'its own\. .*p\.csv tells patient: --table .*p\.csv'):
        main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
