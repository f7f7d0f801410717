"""Shards, each built on its own and perhaps killed, make the database that one builder makes."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from support.made_up import (
    RULES,
    content,
    holds,
    key_file,
    rows,
    run,
    speckle,
    write_dicom,
    write_folder,
    write_image,
)
from usfm_mm.database import build, publish, stores
from usfm_mm.database.journal import Journal
from usfm_mm.database.journal_file import JournalError
from usfm_mm.database.merge import merge
from usfm_mm.database.options import Settings
from usfm_mm.database.places import default_journal_folder
from usfm_mm.database.removal import remove_images
from usfm_mm.database.review import write_sheets
from usfm_mm.database.shards import Shard, ShardError, all_shards
from usfm_mm.datasets import UltrasoundDataset
from usfm_mm.io.image import encode_png
from usfm_mm.io.packed import _close_all

pytestmark = pytest.mark.usefixtures('no_text_search')


@pytest.fixture(autouse=True)
def _no_chart(monkeypatch):
    """Most of what a small database costs."""
    monkeypatch.setattr('usfm_mm.database.report._organ_figure', lambda organs: '')


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """Images of patients, with exact, near and turned copies, clips and files that are none."""
    root = write_folder(tmp_path_factory.mktemp('shards') / 'source', 24)
    for i in range(4):
        write_image(root / f'thyroid/p{i // 2}_{i}.png', 40 + i)
        write_image(root / f'again/{i}.png', i)
        bright = cv2.convertScaleAbs(speckle(8 + i), alpha=1.1, beta=4)
        (root / f'again/bright_{i}.png').write_bytes(encode_png(bright))
        turned = np.ascontiguousarray(speckle(12 + i)[::-1])
        (root / f'again/turned_{i}.png').write_bytes(encode_png(turned))
        clip = np.stack([speckle(60 + i), speckle(70 + i)])
        write_dicom(root / f'clip_{i}.dcm', clip, PatientID=str(i % 2), BodyPartExamined='HEART')
        (root / f'notes_{i}.txt').write_text('x')
    return root


def build_shards(sources, out, folder, count, **options):
    for shard in all_shards(count):
        run(sources, out, folder, shard=shard, **options)


def merged(out, folder):
    merge(out, key_file(folder))


def plain(out):
    """The index without the shards' folders in its paths, and how many of them occur."""
    table = pq.read_table(out / 'index.parquet')
    folders = {path.partition('/')[0] for path in table['path'].to_pylist()} - {'images'}
    paths = [path[path.index('images/') :] for path in table['path'].to_pylist()]
    pairs = zip(table.to_pylist(), paths, strict=True)
    return [{**row, 'path': path} for row, path in pairs], len(folders)


def assert_same(out, alone, folder, count):
    """Index, pixels, report and private lists are those of one builder."""
    found, folders = plain(out)
    assert found == plain(alone)[0]
    assert min(count, 2) <= folders <= count
    packed, png = UltrasoundDataset(out), UltrasoundDataset(alone)
    for i in range(len(png)):
        np.testing.assert_array_equal(packed[i]['img'], png[i]['img'])
    assert (out / 'report.html').read_bytes() == (alone / 'report.html').read_bytes()
    for name in ('rejected.csv', 'duplicates.csv', 'doubtful.csv'):
        lists = [
            (default_journal_folder(folder / 'secret.key', each) / name).read_bytes()
            for each in (out, alone)
        ]
        assert lists[0] == lists[1]
    # and nothing else lies about
    stored = sum(1 for _ in out.rglob('*.png'))
    assert stored == (0 if packed.packed else len(found))
    if packed.packed:
        assert len(packed.packed) == len(found)
    _close_all()  # builders open the stores again, in this process


def killed_once(monkeypatch, module, name, after):
    """Let a function stop the run, once, when it has been called so many times."""
    calls, function = [], getattr(module, name)

    def stopping(*arguments, **options):
        calls.append(name)
        if len(calls) == after:
            raise KeyboardInterrupt
        return function(*arguments, **options)

    monkeypatch.setattr(module, name, stopping)


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('count', [1, 2, 3, 5])
def test_as_of_one_builder_with_kills(source, tmp_path, monkeypatch, count, packed):
    settings = Settings(packed=packed, val_fraction=0.2)
    run([source], tmp_path / 'alone', tmp_path, settings=settings)
    out = tmp_path / 'out'
    monkeypatch.setattr('usfm_mm.database.listing.CHUNK_FILES', 3)
    with monkeypatch.context() as patch:
        killed_once(patch, build.Journal, 'add', 3)
        with pytest.raises(KeyboardInterrupt):
            build_shards([source], out, tmp_path, count, settings=settings)
    with pytest.raises(ShardError, match='--shard'):
        merged(out, tmp_path)
    build_shards([source], out, tmp_path, count, settings=settings)
    for step in ('load_images', 'mark_duplicates', 'write_index', 'write_json', 'write_report'):
        with monkeypatch.context() as patch:
            killed_once(patch, publish, step, 1)
            with pytest.raises(KeyboardInterrupt):
                merged(out, tmp_path)
    merged(out, tmp_path)
    assert_same(out, tmp_path / 'alone', tmp_path, count)


@pytest.mark.parametrize('packed', [False, True])
def test_merged_again_after_the_shards_grew(source, tmp_path, packed):
    """What was in the database stays, in whatever shard its copies come later."""
    settings = Settings(packed=packed)
    more = write_folder(tmp_path / 'more/liver', 12, start=4, organs=('liver',))
    for i in range(24, 30):
        write_image(more / f'{i}.png', i)
    out, alone = tmp_path / 'out', tmp_path / 'alone'
    for sources in ([more], [source, more]):
        run(sources, alone, tmp_path, settings=settings)
        build_shards(sources, out, tmp_path, 3, settings=settings)
        merged(out, tmp_path)
        assert_same(out, alone, tmp_path, 3)
    before = content(out)
    merged(out, tmp_path)
    assert content(out) == before


@pytest.mark.parametrize('step', ['mark_duplicates', 'remove_strays', 'write_report'])
def test_shards_that_grow_after_a_killed_merge(source, tmp_path, monkeypatch, step):
    """Nothing of the merge counts until all of it is done, as in one builder."""
    more = write_folder(tmp_path / 'more/liver', 12, start=4, organs=('liver',))
    out, alone = tmp_path / 'out', tmp_path / 'alone'
    build_shards([more], out, tmp_path, 3)
    for finish in (lambda: merged(out, tmp_path), lambda: run([more], alone, tmp_path)):
        with monkeypatch.context() as patch:
            killed_once(patch, stores if step == 'remove_strays' else publish, step, 1)
            with pytest.raises(KeyboardInterrupt):
                finish()
    run([source, more], alone, tmp_path)
    build_shards([source, more], out, tmp_path, 3)
    merged(out, tmp_path)
    assert_same(out, alone, tmp_path, 3)


@pytest.mark.slow
def test_shards_and_the_merge_are_killed(source, tmp_path):
    """By the system, in the middle of the work, with two processes reading at the end."""
    out, alone = tmp_path / 'out', tmp_path / 'alone'
    run([source], alone, tmp_path)
    for shard in ('1/2', '2/2'):
        process = start(source, out, tmp_path, '1', shard)
        images = out / Shard.of(shard).name / 'images'
        while sum(1 for _ in images.rglob('*.png')) < 4:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with pytest.raises(ShardError, match='is missing|is not done'):
            merged(out, tmp_path)
        assert start(source, out, tmp_path, '2', shard).wait(timeout=120) == 0
    merged(out, tmp_path)
    assert_same(out, alone, tmp_path, 2)


def start(source, out, folder, workers, shard):
    """A shard's build in a process of its own."""
    here = Path(__file__).parents[1]
    paths = os.pathsep.join([str(here), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, here / 'support/interrupted.py', source, out, folder, workers, shard],
        env={**os.environ, 'PYTHONPATH': paths},
    )


def test_what_one_shard_holds_out_is_held_out_of_all(source, tmp_path):
    held_out, out, alone = tmp_path / 'held_out', tmp_path / 'out', tmp_path / 'alone'
    for i in (2, 3, 60):
        write_image(held_out / f'{i}.png', i)
    run([source], alone, tmp_path, exclude_like=[held_out])
    run([source], out, tmp_path, shard=Shard(2, 3), exclude_like=[held_out])
    build_shards([source], out, tmp_path, 3)
    merged(out, tmp_path)
    assert_same(out, alone, tmp_path, 3)


def test_an_image_whose_copy_is_gone_is_read_again_by_its_shard(tmp_path):
    source, out, alone = tmp_path / 'source', tmp_path / 'out', tmp_path / 'alone'
    write_folder(source, 8)
    for i in range(8):
        write_image(source / f'copies/{i}.png', i)
    for name, rules in (('once', RULES), ('excluded', RULES + "exclude: ['/(liver|thyroid)/']\n")):
        run([source], alone, tmp_path, rules=rules)
        build_shards([source], out, tmp_path, 3, rules=rules)
        if name == 'excluded':
            with pytest.raises(ShardError, match=r'\d images are missing.*--shard [123]/3'):
                merged(out, tmp_path)
            with pytest.raises(ShardError, match='shard ./3 is not done: run'):
                merged(out, tmp_path)
            build_shards([source], out, tmp_path, 3, rules=rules)
        merged(out, tmp_path)
        assert_same(out, alone, tmp_path, 3)


def test_a_file_that_moved_to_an_excluded_place_in_another_shard(tmp_path):
    source, out, alone = tmp_path / 'source', tmp_path / 'out', tmp_path / 'alone'
    write_folder(source, 8)
    rules = RULES + "exclude: ['/private/']\n"
    for moved in (False, True):
        if moved:
            (source / 'private').mkdir()
            for path in sorted((source / 'liver').iterdir()):
                path.rename(source / 'private' / path.name)
        run([source], alone, tmp_path, rules=rules)
        build_shards([source], out, tmp_path, 5, rules=rules)
        merged(out, tmp_path)
        assert plain(out)[0] == plain(alone)[0]
    assert len(rows(out)) == 4


@pytest.mark.parametrize('packed', [False, True])
def test_patients_are_removed_from_all_shards(source, tmp_path, packed):
    settings, out, alone = Settings(packed=packed), tmp_path / 'out', tmp_path / 'alone'
    run([source], alone, tmp_path, settings=settings)
    build_shards([source], out, tmp_path, 3, settings=settings)
    merged(out, tmp_path)
    patient = next(row['patient'] for row in rows(alone) if row['organ'] == 'heart')
    gone = remove_images(alone, [patient], key_file(tmp_path))
    assert remove_images(out, [patient], key_file(tmp_path)) == gone
    assert gone[0] == 4
    assert_same(out, alone, tmp_path, 3)
    assert [seed for seed in (60, 61, 62, 63) if holds(out, seed)] == [
        seed for seed in (60, 61, 62, 63) if holds(alone, seed)
    ]
    build_shards([source], out, tmp_path, 3, settings=settings)
    merged(out, tmp_path)
    assert_same(out, alone, tmp_path, 3)
    with pytest.raises(ValueError, match='no image of this database'):
        remove_images(out, ['ab' * 16], key_file(tmp_path))


@pytest.fixture
def shards(tmp_path):
    """Three shards that are done, and their journals' folder."""
    build_shards([write_folder(tmp_path / 'source', 9)], tmp_path / 'out', tmp_path, 3)
    return tmp_path / 'out', default_journal_folder(tmp_path / 'secret.key', tmp_path / 'out')


def assert_refused(out, folder, message):
    with pytest.raises(ShardError, match=message) as caught:
        merged(out, folder)
    assert '\n' not in str(caught.value)
    assert not (out / 'index.parquet').exists()


def test_a_missing_shard(shards, tmp_path):
    out, journals = shards
    shutil.rmtree(journals / 'shard_0002')
    assert_refused(out, tmp_path, 'shard 2/3 is missing: run usfm build-database .* --shard 2/3')
    shutil.rmtree(journals)
    assert_refused(out, tmp_path, 'there are no shards of')


def test_a_missing_or_foreign_folder(shards, tmp_path):
    out, _ = shards
    shutil.copytree(out / 'shard_0002', out / 'shard_0004')
    assert_refused(out, tmp_path, 'shard_0004 is none of the 3 shards: remove it')
    (out / 'shard_0004').rename(out / 'aside')
    shutil.rmtree(out / 'shard_0002')
    assert_refused(out, tmp_path, 'shard_0002 is missing .shard 2/3')
    shutil.copytree(out / 'shard_0003', out / 'shard_0002')
    assert_refused(out, tmp_path, 'shard_0002 is of another journal')


def test_two_shards_of_one_number(shards, tmp_path):
    out, journals = shards
    shutil.copytree(journals / 'shard_0002', journals / 'shard_0004')
    assert_refused(out, tmp_path, 'shard_0004 is of shard 2/3, which belongs into .*shard_0002')


def test_another_count(shards, tmp_path):
    out, journals = shards
    source = tmp_path / 'source'
    with pytest.raises(ShardError, match='begun as shard 1/3: give --shard 1/3'):
        run([source], out, tmp_path, shard=Shard(1, 5))
    run([source], out, tmp_path, shard=Shard(5, 5))
    assert_refused(out, tmp_path, 'shard_0005 is of shard 5/5, .* of 1/3: all shards')
    for root in shards:
        shutil.rmtree(root / 'shard_0005')
    merged(out, tmp_path)
    for root in shards:
        for path in root.glob('shard_*'):
            shutil.rmtree(path)
    build_shards([source], out, tmp_path, 2)
    with pytest.raises(ShardError, match='merged from 3 shards and there are 2 now'):
        merged(out, tmp_path)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'settings': Settings(size=64)}, 'size of shard 2/3 is 64, of shard 1 256: remove'),
        ({'rules': "organ: [{path: '/', value: a}]"}, 'shard 2/3 was last run with other rules'),
        ({'sources': 'elsewhere'}, 'shard 2/3 was last run of other sources'),
    ],
)
def test_a_shard_that_was_built_otherwise(shards, tmp_path, options, message):
    out, _ = shards
    if 'settings' in options:
        for root in shards:
            shutil.rmtree(root / 'shard_0002')
    source = write_folder(tmp_path / options.pop('sources', 'source'), 9)
    run([source], out, tmp_path, shard=Shard(2, 3), **options)
    assert_refused(out, tmp_path, message)


def test_another_key_or_version(shards, tmp_path, monkeypatch):
    out, journals = shards
    other = tmp_path / 'other'
    other.mkdir()
    with pytest.raises(ShardError, match='shard 1/3 was built with another key'):
        merge(out, key_file(other, hashlib.sha256(b'another').hexdigest()), journals)
    monkeypatch.setattr('usfm_mm.__version__', '99')
    run([tmp_path / 'source'], out, tmp_path, shard=Shard(2, 3))
    assert_refused(out, tmp_path, 'shard 2/3 was last run by another version')


def test_a_shard_that_is_being_built(shards, tmp_path):
    out, journals = shards
    with (
        Journal(journals / 'shard_0002/journal.sqlite'),
        pytest.raises(JournalError, match='another run .*shard_0002/journal.sqlite is in use'),
    ):
        merged(out, tmp_path)
    merged(out, tmp_path)


def test_a_journal_that_was_lost(shards, tmp_path):
    """It alone knows who has withdrawn."""
    out, journals = shards
    merged(out, tmp_path)
    (journals / 'journal.sqlite').unlink()
    with pytest.raises(ShardError, match='there is no journal .*--journal'):
        merged(out, tmp_path)


def test_reviewed_like_any_other(shards, tmp_path):
    out, _ = shards
    with pytest.raises(ValueError, match='finished database'):
        write_sheets(out, key_file(tmp_path))
    merged(out, tmp_path)
    assert [path.name for path in write_sheets(out, key_file(tmp_path), count=4)] == [
        'pictures_01_device_not_known.png'
    ]


def test_neither_without_shards_nor_of_another_kind(shards, tmp_path):
    out, _ = shards
    source = tmp_path / 'source'
    with pytest.raises(ValueError, match='is not empty'):
        run([source], out, tmp_path)
    merged(out, tmp_path)
    with pytest.raises(ShardError, match='merged from 3 shards: give --shard 1/3'):
        run([source], out, tmp_path)
    run([source], tmp_path / 'alone', tmp_path)
    with pytest.raises(ShardError, match='is a database without shards: leave out --shard'):
        run([source], tmp_path / 'alone', tmp_path, shard=Shard(1, 3))


@pytest.mark.parametrize('text', ['0/3', '4/3', '3', 'a/b', '1/0', '-1/3', '1/10000'])
def test_what_is_no_shard(text):
    with pytest.raises(ShardError, match='from 1/'):
        Shard.of(text)
