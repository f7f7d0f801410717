"""Places of pictures on the screens of scanners: learned, written, read, and used by a build."""

import json
import random

import numpy as np
import pytest

from support.made_up import content, rows, run, without_text_search, write_dicom
from support.scanner_screens import SECTOR, screen, sector, speckle, write
from usfm_mm.__main__ import run as run_command
from usfm_mm.database import learn
from usfm_mm.database.agreement import Needs, Seen, agreements, hull_of
from usfm_mm.database.chunk import process_chunk
from usfm_mm.database.journal import Journal
from usfm_mm.database.journal_file import JournalError
from usfm_mm.database.learn import learn_scanners, outline_of
from usfm_mm.database.merge import merge
from usfm_mm.database.places import default_journal_folder
from usfm_mm.database.readers.clip import Box
from usfm_mm.database.removal import remove_images
from usfm_mm.database.review import write_sheets
from usfm_mm.database.scanner import Scanner, filled
from usfm_mm.database.scanners_file import (
    SCANNERS_NAME,
    ScannersError,
    fingerprint,
    read_scanners,
    to_text,
)
from usfm_mm.database.screen import view
from usfm_mm.database.screen.remembered import remembered_view
from usfm_mm.database.screen.view import lay_out
from usfm_mm.database.shards import all_shards
from usfm_mm.database.workers import Cluster

pytestmark = pytest.mark.usefixtures('no_text_search')

KEY = ('LOGIQ E9', (640, 480), ())
PLATE = Box(10, 44, 130, 64)
NEEDS = Needs(files=6, patients=3)
BY_FIELD = 'device: [{field: ManufacturerModelName}]\n'


def dark(seed, depth):
    """A screen whose sector fades out below a depth in pixels."""
    image, (_, inside) = screen(seed, text=()), sector()
    fade = np.clip((SECTOR[1] + depth - np.arange(480)) / 60 + 1, 0, 1)[:, None]
    return np.where(inside, image * fade, image).astype(np.uint8)


def seen(image, number, patient, key=KEY):
    layout = lay_out([image], (), still=True)
    (only,) = layout.views
    return Seen(key, bytes([number]), patient, outline_of(only), layout.text)


def square(left, top, right, bottom):
    return (left, top), (right, top), (right, bottom), (left, bottom)


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.fixture(scope='module')
def bright():
    """The outline that the search finds on a good picture, bool [480, 640]."""
    with without_text_search():
        return filled(seen(screen(900, text=()), 0, None).outline, (480, 640))


@pytest.fixture(scope='module')
def looks(no_text_search):
    """Of 24 patients, every fourth one with a dark picture."""
    images = [dark(i, 90 + 3 * i) if i % 4 == 3 else screen(i, text=()) for i in range(24)]
    # a plate of text is what lets the search take a small picture for one on a screen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, 'find_text', lambda image: [PLATE] if image.shape[0] == 480 else [])
        return [seen(image, i, f'p{i}') for i, image in enumerate(images)]


@pytest.fixture(scope='module')
def scanner(looks):
    (found,) = agreements(looks, Needs(files=15))
    assert found.scanner is not None, found.why
    return found.scanner


def test_most_files_show_where_the_picture_ends(scanner, looks, bright):
    assert iou(scanner.mask, bright) > 0.97
    truth = sector()[1]
    assert (scanner.mask & truth).sum() > 0.99 * truth.sum()
    # while the search finds a part of the dark ones
    assert max(iou(filled(one.outline, (480, 640)), bright) for one in looks[3::4]) < 0.9
    assert (scanner.files, scanner.patients, scanner.within) == (18, 18, 1)
    assert scanner.banner == (PLATE,)


def test_known_places_are_steadier_than_the_search(scanner, monkeypatch):
    images = [dark(100 + i, 60 + 12 * i) for i in range(12)]
    monkeypatch.setattr(view, 'find_text', lambda image: [PLATE] if image.shape[0] == 480 else [])
    bottoms = [lay_out([image], (), still=True).views[0].box.bottom for image in images]
    known = [remembered_view([image], scanner, still=True) for image in images]
    assert np.std(bottoms) > 20
    assert {one.box for one in known} == {scanner.box}
    assert all((one.inside == scanner.inside).all() for one in known)


def test_order_does_not_matter(looks, scanner):
    rng = random.Random(0)
    for _ in range(3):
        shuffled = rng.sample(looks, len(looks))
        (found,) = agreements(shuffled, Needs(files=15))
        assert to_text([found.scanner]) == to_text([scanner])


def many(count, outline, patients=100, first=0):
    return [
        Seen(KEY, bytes([first + i]), f'p{(first + i) % patients}', outline) for i in range(count)
    ]


def test_what_does_not_agree_is_not_taken():
    left, right = square(20, 60, 300, 400), square(330, 60, 620, 400)
    inner, clearly = square(80, 100, 240, 300), square(20, 60, 300, 200)
    for looks, why in (
        (many(19, left), 'too few files: 19 of 20'),
        (many(40, left, patients=4), 'too few patients: 4 of 5'),
        # of one patient no more than five count
        (many(60, left, patients=1), 'too few files: 5 of 20'),
        (many(30, left) + many(30, right, first=30), '0% agree, 0% are within'),
        (many(30, left) + many(15, right, first=30), '67% agree, 67% are within'),
        # a smaller picture within it, always in one place: another probe's
        (many(40, left) + many(10, inner, first=40), 'there is a second place'),
        (many(40, left) + many(10, clearly, first=40), 'there is a second place'),
        ([Seen(KEY, b'0', 'p', None)], 'no picture was found'),
    ):
        (found,) = agreements(looks, Needs())
        assert (found.scanner, found.why) == (None, why)


def test_files_without_a_patient_count_as_of_one():
    looks = [Seen(KEY, bytes([i]), None, square(20, 60, 300, 400)) for i in range(30)]
    assert agreements(looks, Needs())[0].why == 'too few patients: 1 of 5'
    assert agreements(looks, Needs(patients=1))[0].scanner.files == 30


def test_each_device_and_size_is_for_itself():
    other = ('V8', (640, 480), (Box(0, 40, 640, 480),))
    looks = many(20, square(20, 60, 300, 400))
    looks += [Seen(other, one.order, one.patient, square(200, 60, 600, 400)) for one in looks]
    first, second = (one.scanner for one in agreements(looks, Needs()))
    assert (first.key, first.box.left) == (KEY, 20)
    assert (second.key, second.box.left) == (other, 200)


def test_contradicted_where_something_else_is_on_the_screen(scanner):
    page = np.zeros((480, 640), np.uint8)
    for row in range(40, 470, 30):
        write(page, 'Estimated weight 1320 g', 20, row)
    beside = screen(1, text=())
    beside[100:300, 490:600] = speckle(200, 110, 5)
    split = np.zeros((480, 640), np.uint8)
    split[80:380, 20:310], split[80:380, 330:620] = speckle(300, 290, 1), speckle(300, 290, 2)
    for image in (page, beside, split, np.zeros((480, 640), np.uint8), speckle(480, 640)):
        assert remembered_view([image], scanner, still=True) is None
    assert remembered_view([screen(1)], scanner, still=True) is not None


def test_a_clip_is_judged_by_what_moves(scanner):
    frames = [screen(i, text=()) for i in range(6)]
    assert remembered_view(frames, scanner, still=False).box == scanner.box
    for i, frame in enumerate(frames):
        frame[100:300, 490:600] = speckle(200, 110, 50 + i)
    assert remembered_view(frames, scanner, still=False) is None


def test_text_that_the_edge_of_the_box_cuts_is_looked_for_whole(scanner, monkeypatch):
    asked = []
    monkeypatch.setattr(view, 'find_text', lambda image: asked.append(image.shape) or [])
    remembered_view([screen(1)], scanner, still=True)
    box = scanner.box
    assert asked == [(box.height + 64, box.width + 64)]


# --- the file ---------------------------------------------------------------------------------


def test_file_comes_back_as_it_was(scanner, tmp_path):
    path = tmp_path / 'scanners.yaml'
    other = Scanner('V8', (32, 16), (Box(0, 1, 32, 16),), square(2, 2, 9, 9), (), 20, 5, 1.0, 1.0)
    path.write_text(to_text([other, scanner]))
    back = read_scanners(path)
    assert back == (scanner, other)
    assert fingerprint(back) == fingerprint((other, scanner)) != fingerprint((scanner,))
    path.write_text('# a word of mine\n' + path.read_text())
    assert fingerprint(read_scanners(path)) == fingerprint(back)


@pytest.mark.parametrize(
    ('old', 'new', 'told'),
    [
        ('scanners:', 'other:', 'must have a list "scanners"'),
        ('device: LOGIQ E9', 'device: 9', 'device must be a name'),
        ('  files:', '  number:', 'must have the keys device, size'),
        ('  - 640', '  - -640', 'size must be positive'),
        ('  - 640', '  - 64', 'outline leaves the screen of 64'),
        ('  - 640', '  - many', "size: ['many', 480] should be 2 whole numbers"),
        ('  agreeing: 0.75', '  agreeing: yes', 'agreeing must be a number'),
        ('  files: 18', '  files: 1.5', 'should be 2 whole numbers'),
        ('  banner:', '  banner: here\n  old:', 'must have the keys'),
        ('  - - 10', '  - - 600', 'banner: [600, 44, 130, 64] is no box on the screen'),
        ('scanners:', 'scanners: [', 'is not YAML'),
    ],
)
def test_bad_file_is_one_line(scanner, tmp_path, old, new, told):
    path = tmp_path / 'scanners.yaml'
    text = to_text([scanner])
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ScannersError) as error:
        read_scanners(path)
    assert told in str(error.value)
    assert '\n' not in str(error.value)


def test_outline_must_be_convex_and_scanners_different(scanner, tmp_path):
    path = tmp_path / 'scanners.yaml'
    dent = (*square(10, 10, 300, 300), (100, 150))
    path.write_text(to_text([Scanner(*KEY, dent, (), 20, 5, 1.0, 1.0)]))
    with pytest.raises(ScannersError, match='convex'):
        read_scanners(path)
    path.write_text(to_text([scanner, scanner]))
    with pytest.raises(ScannersError, match='is there twice'):
        read_scanners(path)


# --- the command, and a build -----------------------------------------------------------------


@pytest.fixture(scope='module')
def export(tmp_path_factory):
    """DICOM files of 9 patients, and of a scanner with too few."""
    root = tmp_path_factory.mktemp('scanners') / 'export'
    for i in range(18):
        fields = {'PatientID': f'SECRET{i // 2}', 'PatientName': 'MILLER^ANNA'}
        write_dicom(root / f'MILLER_{i}.dcm', screen(i), ManufacturerModelName='LOGIQ E9', **fields)
    for i in range(2):
        write_dicom(root / f'v{i}.dcm', screen(i), ManufacturerModelName='Dr MILLER', **fields)
    (root / 'notes.txt').write_text('nothing')
    return root


def found_text(image):
    """Stands for the search: text is bright and small."""
    return [Box(8, 10, 130, 36), Box(8, 44, 110, 68)] if image.shape == (480, 640) else []


@pytest.fixture(scope='module')
def learned(export, no_text_search):
    path = export.parent / 'scanners.yaml'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, 'find_text', found_text)
        found = learn_scanners([export], path, needs=NEEDS, cluster=Cluster(workers=1))
    path.write_text(to_text([one.scanner for one in found if one.scanner]))
    return path


def look_at_without_text(job, files):
    """In a process of its own, which does not know of this one's patches."""
    with without_text_search(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, 'find_text', found_text)
        return learn_at(job, files)


learn_at = learn.look_at


def test_learning_in_several_processes_gives_the_same_file(export, learned, tmp_path, monkeypatch):
    monkeypatch.setattr(learn, 'look_at', look_at_without_text)
    monkeypatch.setattr(learn, 'in_chunks', lambda files: ([file] for file in files))
    found = learn_scanners([export], tmp_path / 'b.yaml', needs=NEEDS, cluster=Cluster(workers=2))
    assert to_text([one.scanner for one in found if one.scanner]) == learned.read_text()


def test_command(export, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(view, 'find_text', found_text)
    out = tmp_path / 'scanners.yaml'
    given = [str(export), str(out), '--workers', '1', '--min-files', '6', '--min-patients', '3']
    run_command('learn_scanners', given)
    told = capsys.readouterr().out
    assert 'LOGIQ E9, 640 × 480: 18 files of 9 patients; taken' in told
    assert '1 of 1 screens' in told  # a text that the rules do not know is no device
    (scanner,) = read_scanners(out)
    assert (scanner.device, scanner.size, scanner.files) == ('LOGIQ E9', (640, 480), 18)
    assert scanner.banner == (Box(8, 10, 130, 36), Box(8, 44, 110, 68))
    assert out.with_suffix('.png').read_bytes().startswith(b'\x89PNG')
    text = out.read_text()
    assert not [word for word in ('MILLER', 'SECRET', 'dcm', str(export)) if word in text]


@pytest.mark.parametrize(
    ('options', 'told'),
    [
        (['--min-files', '50'], 'no outline was agreed on, and nothing is written'),
        (['--min-share', '0.4'], 'the share that'),
        (['--min-files', '0'], 'are 1 or more'),
        (['--files', '0'], '--files must be 1 or more'),
        (['--rules', 'none.yaml'], 'none.yaml'),
    ],
)
def test_command_that_fails_says_why_in_one_line(export, tmp_path, capsys, options, told):
    out = tmp_path / 'scanners.yaml'
    with pytest.raises(SystemExit):
        run_command('learn_scanners', [str(export), str(out), '--workers', '1', *options])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ')
    assert told in line
    assert not out.exists()


def test_the_file_lies_outside_of_the_sources_and_is_yaml(export, tmp_path, capsys):
    for out, told in ((export / 's.yaml', 'must lie apart'), (tmp_path / 's.txt', 'end in .yaml')):
        with pytest.raises(SystemExit):
            run_command('learn_scanners', [str(export), str(out), '--workers', '1'])
        assert told in capsys.readouterr().err
        assert not out.exists()


@pytest.fixture
def source(tmp_path):
    """What the search does not find whole, and a screen that contradicts the outline."""
    root = tmp_path / 'source'
    for i in range(6):
        write_dicom(
            root / f'{i}.dcm',
            dark(200 + i, 60 + 25 * i),
            PatientID=str(i),
            ManufacturerModelName='LOGIQ E9',
        )
    beside = screen(1, text=())
    beside[100:300, 490:600] = speckle(200, 110, 5)
    write_dicom(root / 'b.dcm', beside, PatientID='b', ManufacturerModelName='LOGIQ E9')
    write_dicom(root / 'c.dcm', screen(7), PatientID='c', ManufacturerModelName='V8')
    return root


def build(source, folder, learned, **options):
    return run([source], folder / 'out', folder, rules=BY_FIELD, scanners_file=learned, **options)


def outlines_of(folder):
    journal = default_journal_folder(folder / 'secret.key', folder / 'out')
    with Journal(journal / 'journal.sqlite') as opened:
        return opened.tallies()['outlines']


def test_a_build_takes_the_outline_unless_it_is_contradicted(source, learned, tmp_path):
    build(source, tmp_path, learned)
    name = 'LOGIQ E9, 640 × 480'
    assert outlines_of(tmp_path) == {f'fitted: {name}': 6, f'did not fit: {name}': 1}
    about = json.loads((tmp_path / 'out/database.json').read_text())
    assert about['scanners'] == fingerprint(read_scanners(learned))
    page = (tmp_path / 'out/report.html').read_text()
    assert f'<td>{name}</td><td class="n">6</td><td class="n">1</td>' in page
    folder = default_journal_folder(tmp_path / 'secret.key', tmp_path / 'out')
    assert read_scanners(folder / SCANNERS_NAME) == read_scanners(learned)
    again = tmp_path / 'without'
    build(source, again, None)
    assert content(again / 'out') != content(tmp_path / 'out')
    assert 'known place' not in (again / 'out/report.html').read_text()


def test_shards_know_them_as_one_builder_does(source, learned, tmp_path):
    build(source, tmp_path / 'one', learned)
    for shard in all_shards(2):
        build(source, tmp_path / 'two', learned, shard=shard)
    merge(tmp_path / 'two/out', tmp_path / 'two/secret.key')
    one, two = ((tmp_path / name / 'out/report.html').read_bytes() for name in ('one', 'two'))
    assert b'LOGIQ E9, 640' in one
    assert one == two


def test_sheets_and_removals_know_the_scanners(source, learned, tmp_path):
    build(source, tmp_path, learned)
    out, key = tmp_path / 'out', tmp_path / 'secret.key'
    assert write_sheets(out, key, count=4)
    assert remove_images(out, [rows(out)[0]['_file']], key)[0] > 0
    assert 'known place' in (out / 'report.html').read_text()


def stop_after(count, add, self, records, generation):
    if not count:
        raise KeyboardInterrupt
    count.pop()
    add(self, records, generation)


def test_order_and_interruptions_do_not_change_the_database(source, learned, tmp_path, monkeypatch):
    from usfm_mm.database import listing, pending

    build(source, tmp_path / 'a', learned)
    monkeypatch.setattr(listing, 'CHUNK_FILES', 1)
    with monkeypatch.context() as patch:
        add = Journal.add
        patch.setattr(Journal, 'add', lambda *given: stop_after(left, add, *given))
        for _ in range(3):
            left = [0, 0]
            with pytest.raises(KeyboardInterrupt):
                build(source, tmp_path / 'b', learned)
    build(source, tmp_path / 'b', learned)
    assert content(tmp_path / 'a/out') == content(tmp_path / 'b/out')
    walk = pending.walk
    monkeypatch.setattr(pending, 'walk', lambda sources: reversed(list(walk(sources))))
    build(source, tmp_path / 'c', learned)
    assert content(tmp_path / 'a/out') == content(tmp_path / 'c/out')


def chunk_without_text(job, files):
    with without_text_search():
        return process_chunk(job, files)


def test_two_processes_build_the_same_database(source, learned, tmp_path, monkeypatch):
    from usfm_mm.database import build as build_module
    from usfm_mm.database import listing

    build(source, tmp_path / 'a', learned)
    monkeypatch.setattr(listing, 'CHUNK_FILES', 1)
    monkeypatch.setattr(build_module, 'process_chunk', chunk_without_text)
    build(source, tmp_path / 'b', learned, cluster=Cluster(workers=2))
    assert content(tmp_path / 'a/out') == content(tmp_path / 'b/out')


def test_another_file_of_scanners_is_refused(source, learned, tmp_path):
    build(source, tmp_path, learned)
    build(source, tmp_path, learned)
    before = content(tmp_path / 'out')
    for other in (None, tmp_path / 'other.yaml'):
        if other is not None:
            other.write_text(learned.read_text().replace('files: 18', 'files: 19'))
        with pytest.raises(JournalError, match='scanners is .* was begun with'):
            build(source, tmp_path, other)
    assert content(tmp_path / 'out') == before


def test_a_database_begun_before_takes_none(source, learned, tmp_path):
    build(source, tmp_path, None)
    folder = default_journal_folder(tmp_path / 'secret.key', tmp_path / 'out')
    with Journal(folder / 'journal.sqlite') as journal:
        settings = journal.settings()
        del settings['scanners']
        journal.save_settings(settings)
    with pytest.raises(JournalError, match='begun with none'):
        build(source, tmp_path, learned)
    build(source, tmp_path, None)


def test_hull_of_a_mask_is_the_mask():
    mask = filled(square(3, 4, 20, 9), (12, 30))
    assert (filled(hull_of(mask), mask.shape) == mask).all()
