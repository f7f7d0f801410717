"""Building, adding and going on, in one process and on the real steps."""

import errno
import json
import os

import cv2
import lmdb
import numpy as np
import pytest
from rich.console import Console

from support.made_up import (
    KEY,
    content,
    key_file,
    rows,
    run,
    speckle,
    write_dicom,
    write_folder,
    write_image,
)
from usfm_mm.database import build as build_module
from usfm_mm.database import store as store_module
from usfm_mm.database.identity import Identity
from usfm_mm.database.journal_file import JournalError
from usfm_mm.database.options import Settings
from usfm_mm.database.places import default_journal_folder
from usfm_mm.database.store import OutputError
from usfm_mm.database.types import Options
from usfm_mm.datasets import UltrasoundDataset
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.io.index import read_index
from usfm_mm.io.packed import PackedImages

pytestmark = pytest.mark.usefixtures('no_text_search')


@pytest.fixture
def source(tmp_path):
    return write_folder(tmp_path / 'source', 12)


def test_images_and_index(source, tmp_path):
    out = tmp_path / 'out'
    heart = np.stack([speckle(50), speckle(51)])
    write_dicom(
        source / 'scan',
        heart,
        PatientID='4711',
        StudyInstanceUID='1.2.3',
        BodyPartExamined='HEART',
        InstitutionName='Our Lady of Mercy',
        ManufacturerModelName='EPIQ 7',
        FrameTime=1000,
    )
    text = run([source], out, tmp_path)
    found = rows(out)
    identity = Identity(KEY.encode())
    expected = cv2.resize(speckle(0), (256, 256), interpolation=cv2.INTER_LINEAR)
    name = identity.image(expected).hex()
    assert (out / f'images/{name[:3]}/{name}.png').read_bytes() == encode_png(expected)
    frames = [row for row in found if row['organ'] == 'heart']
    assert {row['_frame'] for row in frames} == {0, 1}
    for row in frames:
        assert (row['center'], row['device']) == ('A', 'EPIQ 7')
        assert row['patient'] == identity.patient('number', '4711')
        assert row['_study'] == identity.study('1.2.3')
    assert [row['organ'] for row in found].count('liver') == 6
    assert len(found) == 14
    assert {row['split'] for row in found} == {'train'}  # fewer than 20 images of each organ
    assert {path for path in content(out) if path.startswith('images/')} == {
        row['path'] for row in found
    }
    images = [read_grey(out / row['path']).astype(float) for row in found]
    about = json.loads((out / 'database.json').read_text())
    assert about['images'] == 14
    mean = np.mean([image.mean() for image in images])
    assert about['mean'] == pytest.approx(mean, abs=1e-3)
    square = np.mean([(image**2).mean() for image in images])
    assert about['std'] == pytest.approx(np.sqrt(square - mean**2), abs=1e-3)
    assert f'mean=[{mean:.2f}]' in text
    assert UltrasoundDataset(out, split='train').organ_counts == {
        'heart': 2,
        'liver': 6,
        'thyroid': 6,
    }


def test_one_live_display_at_a_time(source, tmp_path, monkeypatch):
    """Rich before 14 refuses a second one."""
    shown = []
    start, stop = Console.set_live, Console.clear_live

    def set_live(console, live):
        assert not shown
        shown.append(live)
        return start(console, live)

    def clear_live(console):
        shown.clear()
        stop(console)

    monkeypatch.setattr(Console, 'set_live', set_live)
    monkeypatch.setattr(Console, 'clear_live', clear_live)
    run([source], tmp_path / 'out', tmp_path)
    assert len(rows(tmp_path / 'out')) == 12


def test_size_is_kept_on_demand(tmp_path):
    write_image(tmp_path / 'source/liver/1.png', 0, height=80, width=64)
    run([tmp_path / 'source'], tmp_path / 'out', tmp_path, settings=Settings(size=0))
    assert read_grey(tmp_path / 'out' / rows(tmp_path / 'out')[0]['path']).shape == (80, 64)


def test_patients_are_never_split(tmp_path):
    for i in range(60):
        write_image(tmp_path / f'source/liver/p{i // 3}_{i}.png', i)
    run([tmp_path / 'source'], tmp_path / 'out', tmp_path, settings=Settings(val_fraction=0.1))
    splits: dict[str, set[str]] = {}
    for row in rows(tmp_path / 'out'):
        splits.setdefault(row['patient'], set()).add(row['split'])
    assert len(splits) == 20
    assert all(len(names) == 1 for names in splits.values())
    # Decided by the patient's keyed hash: two on average.
    assert 1 <= sum('val' in names for names in splits.values()) <= 4


def test_patient_from_number_study_or_file(tmp_path):
    source = tmp_path / 'source'
    write_dicom(source / 'a', speckle(0), PatientID=' 7 ', StudyInstanceUID='1.2')
    write_dicom(source / 'b', speckle(1), PatientID='7', StudyInstanceUID='1.3')
    write_dicom(source / 'c', speckle(2), PatientID='', StudyInstanceUID='1.4')
    write_dicom(source / 'd', np.stack([speckle(3), speckle(4)]), FrameTime=1000)
    write_image(source / 'e.png', 5)
    run([source], tmp_path / 'out', tmp_path)
    identity = Identity(KEY.encode())
    patients = sorted(str(row['patient']) for row in rows(tmp_path / 'out'))
    number, study = identity.patient('number', '7'), identity.patient('study', '1.4')
    clip = identity.patient('file', identity.file(str(source / 'd')).hex())
    assert patients == sorted([number, number, study, clip, clip, 'None'])


def test_key_decides_the_hashes(tmp_path):
    write_dicom(tmp_path / 'source/a', speckle(0), PatientID='4711')
    patients = []
    for name, key in (('1', KEY), ('2', KEY), ('3', KEY[::-1])):
        (tmp_path / name).mkdir()
        file = key_file(tmp_path / name, key)
        run([tmp_path / 'source'], tmp_path / name / 'out', tmp_path / name, key=file)
        (row,) = rows(tmp_path / name / 'out')
        patients.append((row['patient'], row['path']))
    assert patients[0] == patients[1]
    assert patients[0][0] != patients[2][0]
    assert patients[0][1] != patients[2][1]


def test_duplicates_are_left_out(tmp_path):
    source = tmp_path / 'source'
    for i in range(3):
        write_image(source / f'liver/{i}.png', i)
    write_image(source / 'copies/again.png', 0)  # exact, and its organ is not known
    bright = cv2.convertScaleAbs(speckle(1), alpha=1.1, beta=4)
    (source / 'copies/bright.png').write_bytes(encode_png(bright))
    text = run([source], tmp_path / 'out', tmp_path)
    assert '1 exact and 1 near duplicates' in text
    found = rows(tmp_path / 'out')
    assert [row['organ'] for row in found] == ['liver'] * 3
    private = default_journal_folder(tmp_path / 'secret.key', tmp_path / 'out')
    listed = (private / 'duplicates.csv').read_text().splitlines()[1:]
    assert sorted(listed)[0] == f'{source}/copies/again.png,0,exact,{source}/liver/0.png,0,0'
    assert sorted(listed)[1].startswith(f'{source}/copies/bright.png,0,near,{source}/liver/1.png,')


def test_adding_reads_new_files_only(source, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    run([source], out, tmp_path)
    first = {row['path'] for row in rows(out)}
    done = []
    process = build_module.process_all

    def counting(*args):
        for records in process(*args):
            done.extend(record.file.name for record in records)
            yield records

    monkeypatch.setattr(build_module, 'process_all', counting)
    run([source], out, tmp_path)
    assert done == []
    more = write_folder(tmp_path / 'more', 4, start=10)  # two are there already
    write_image(source / 'liver/late.png', 99)
    run([source, more], out, tmp_path)
    assert sorted(done) == sorted(
        [
            'source/liver/late.png',
            *(f'more/{o}/00{i}.png' for i, o in enumerate(2 * ['liver', 'thyroid'])),
        ]
    )
    second = {row['path'] for row in rows(out)}
    assert first < second
    assert len(second) == 15
    # the result is that of reading all at once
    run([source, more], tmp_path / 'at_once', tmp_path)
    assert {row['path'] for row in rows(tmp_path / 'at_once')} == second


def test_changed_file_is_read_again(source, tmp_path):
    out = tmp_path / 'out'
    run([source], out, tmp_path)
    old = {row['path'] for row in rows(out)}
    write_image(source / 'liver/000.png', 77, height=72)
    run([source], out, tmp_path)
    new = {row['path'] for row in rows(out)}
    assert len(new) == 12
    assert len(old & new) == 11
    assert {path for path in content(out) if path.startswith('images/')} == new


def test_folder_that_can_be_read_again(source, tmp_path, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith('thyroid'):
            raise PermissionError(13, 'Permission denied')
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, 'scandir', refuse)
        text = run([source], tmp_path / 'out', tmp_path)
    assert '1 files left out: unreadable folder' in text
    assert len(rows(tmp_path / 'out')) == 6
    assert 'unreadable' not in run([source], tmp_path / 'out', tmp_path)
    assert len(rows(tmp_path / 'out')) == 12


def test_packed_store_holds_the_same_images(source, tmp_path):
    run([source], tmp_path / 'png', tmp_path)
    write_image(source / 'copies/again.png', 0)
    packed = tmp_path / 'packed'
    run([source], packed, tmp_path, settings=Settings(packed=True))
    run(
        [write_folder(tmp_path / 'more', 2, start=20)],
        packed,
        tmp_path,
        settings=Settings(packed=True),
    )
    assert sorted(content(packed)) == [
        'database.json',
        'images.lmdb',
        'index.parquet',
        'report.html',
    ]
    store = PackedImages(packed / 'images.lmdb')
    found = rows(packed)
    assert len(found) == len(store) == 14
    for row in rows(tmp_path / 'png'):
        np.testing.assert_array_equal(
            store.read(row['path']), read_grey(tmp_path / 'png' / row['path'])
        )
    assert UltrasoundDataset(packed)[0]['img'].shape == (256, 256, 1)


def test_held_out_images_stay_out(source, tmp_path):
    test_set = tmp_path / 'test_set'
    for i in (2, 3):
        jpeg = cv2.imencode('.jpg', speckle(i), [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
        test_set.mkdir(exist_ok=True)
        (test_set / f'{i}.jpg').write_bytes(jpeg)
    (test_set / 'notes.txt').write_text('x')
    text = run([source], tmp_path / 'out', tmp_path, exclude_like=[test_set])
    assert '2 files to exclude the like of, 1 unread' in text
    assert '2 that are like images to exclude' in text
    assert len(rows(tmp_path / 'out')) == 10
    # for good
    run([write_folder(tmp_path / 'more', 2, start=2)], tmp_path / 'out', tmp_path)
    assert len(rows(tmp_path / 'out')) == 10


def test_full_disk_stops_cleanly_and_goes_on(source, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    run([source], tmp_path / 'undisturbed', tmp_path)
    write, written = store_module.write_atomic, []

    def full(path, data):
        if len(written) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(store_module, 'write_atomic', full)
        with pytest.raises(OutputError, match='No space left on device.*same command'):
            run([source], out, tmp_path)
    assert not (out / 'index.parquet').exists()
    run([source], out, tmp_path)
    assert content(out) == content(tmp_path / 'undisturbed')


def test_full_disk_of_a_packed_store(source, tmp_path, monkeypatch):
    def full(*_):
        raise lmdb.DiskError('mdb_txn_commit: No space left on device')

    monkeypatch.setattr(store_module, 'put_packed', full)
    with pytest.raises(OutputError, match='No space left.*same command'):
        run([source], tmp_path / 'out', tmp_path, settings=Settings(packed=True))


def test_unwritable_journal(source, tmp_path):
    folder = default_journal_folder(key_file(tmp_path), tmp_path / 'out')
    folder.parent.mkdir()
    folder.write_text('a file in its place')
    with pytest.raises(FileExistsError):
        run([source], tmp_path / 'out', tmp_path)


def test_what_goes_with_a_database(source, tmp_path):
    out = tmp_path / 'out'
    run([source], out, tmp_path)
    with pytest.raises(JournalError, match='size is 128, but .* begun with 256'):
        run([source], out, tmp_path, settings=Settings(size=128))
    with pytest.raises(JournalError, match='doppler is keep, but'):
        run([source], out, tmp_path, settings=Settings(options=Options(doppler='keep')))
    key_file(tmp_path, KEY[::-1])
    with pytest.raises(JournalError, match='another key'):
        run([source], out, tmp_path, key=tmp_path / 'secret.key')
    moved = out.rename(tmp_path / 'moved')
    with pytest.raises(JournalError, match='not empty.*--journal'):
        run([source], moved, tmp_path)
    run([source], moved, tmp_path, journal_folder=default_journal_folder(key_file(tmp_path), out))
    with pytest.raises(JournalError, match='outside of the database'):
        run([source], moved, tmp_path, journal_folder=moved / 'journal')


def test_journal_is_used_by_one_run_at_a_time(source, tmp_path):
    out = tmp_path / 'out'
    run([source], out, tmp_path)
    folder = default_journal_folder(tmp_path / 'secret.key', out)
    assert folder.stat().st_mode & 0o077 == 0
    with (
        build_module.Journal(folder / 'journal.sqlite'),
        pytest.raises(JournalError, match='another run'),
    ):
        run([source], out, tmp_path)


def test_nothing_usable(tmp_path):
    (tmp_path / 'source').mkdir()
    (tmp_path / 'source/notes.txt').write_text('nothing here')
    text = run([tmp_path / 'source'], tmp_path / 'out', tmp_path)
    assert '1 files left out: not an image' in text
    assert 'no images' in text
    assert not (tmp_path / 'out/index.parquet').exists()
    assert 'not an image' in (tmp_path / 'out/report.html').read_text()


def test_unknown_organs_are_counted(tmp_path):
    write_image(tmp_path / 'source/spleen/1.png', 0)
    text = run([tmp_path / 'source'], tmp_path / 'out', tmp_path)
    assert '1 images of an unknown organ' in text
    assert read_index(tmp_path / 'out')['organ'].to_pylist() == ['unknown']
    assert 'The organ of 1 images is unknown' in (tmp_path / 'out/report.html').read_text()
