"""The page, driven in Chromium: every task and every error, with the numbers of usfm predict."""

import base64
import csv
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from support.answering import CLASSIFY, saved, saved_enhancer
from support.downstream import ROOT
from support.page import Server, browser
from support.ultrasound_dicom import write_dicom
from usfm_mm.__main__ import main
from usfm_mm.apis import enhance, load_backbone, load_model, reconstruct, similar
from usfm_mm.inference.rebuild import draw_masks

pytest.importorskip('gradio')
MODELS = ROOT / 'models'
SAMPLE = MODELS / 'sample_fetal_head.png'
HEAD, ENCODER = (MODELS / f'demo_{name}.safetensors' for name in ('fetal_head', 'encoder'))
NETWORK = ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'socket.sendto')
WRITES = ('open', 'os.mkdir', 'os.rename', 'os.link', 'os.symlink', 'sqlite3.connect')


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Models, and files to drop."""
    root = tmp_path_factory.mktemp('made')
    rng = np.random.default_rng(0)
    heads = root / 'heads'
    heads.mkdir()
    picture = cv2.imread(str(SAMPLE), cv2.IMREAD_GRAYSCALE)
    for number, turned in enumerate((picture, picture[:, ::-1], 255 - picture)):
        cv2.imwrite(str(heads / f'{number}.png'), turned)
    main(['extract-features', str(ENCODER), str(heads), '--out', str(root / 'index.npz')])
    write_dicom(root / 'scan.dcm', picture[None], PixelSpacing=[0.5, 0.4])
    write_dicom(root / 'clip.dcm', np.stack([picture, picture[:, ::-1]]))
    (root / 'damaged.dcm').write_bytes((root / 'scan.dcm').read_bytes()[:3000])
    (root / 'notes.txt').write_text('no picture\n' * 9)
    (root / 'large.png').write_bytes(rng.bytes(6_000_000))
    (root / '<b>x & y.png').write_bytes(SAMPLE.read_bytes())
    write_dicom(root / 'long.dcm', np.zeros((1001, 60, 60), np.uint8))
    classifier, _ = saved(CLASSIFY, root)
    return dict(root=root, classifier=classifier, enhancer=saved_enhancer(root))


@pytest.fixture(scope='module')
def server(made, tmp_path_factory):
    root = tmp_path_factory.mktemp('served')
    models = [HEAD, ENCODER, made['classifier'], made['enhancer']]
    options = ['--index', made['root'] / 'index.npz', '--max-upload-mb', '5', '--device', 'cpu']
    running = Server(root, *models, *options)
    yield running
    running.stop()


@pytest.fixture(scope='module')
def chromium():
    with browser() as started:
        yield started.new_context(viewport=dict(width=1280, height=900))  # scripts are kept


@pytest.fixture
def page(chromium, server):
    """A fresh tab; whatever it asks of another address is an error."""
    tab = chromium.new_page()
    asked = []
    tab.on('request', lambda request: asked.append(request.url))
    tab.on('pageerror', lambda error: asked.append(f'error: {error}'))
    tab.on('console', lambda said: said.text.startswith('Error ') and asked.append(said.text))
    tab.set_default_timeout(60_000)
    tab.goto(server.url)
    tab.wait_for_selector('#drop input', state='attached')
    yield tab
    tab.close()
    assert [url for url in asked if not url.startswith((server.url, 'data:', 'blob:'))] == []
    assert len(asked) > 20
    assert server.files() == []


def drop(page, file):
    """Drop a file, and wait until the page tells of it."""
    page.set_input_files('#drop input[type=file]', str(file))
    page.wait_for_function(
        'name => document.querySelector("#told").innerText.includes(name)', arg=Path(file).name
    )


def answer(page, task, selector):
    """Open a tab, and wait for its answer."""
    page.click(f'#tab-{task}-button')
    return page.wait_for_selector(f'#answer-{task} {selector}')


def predicted(folder, model, file, *options):
    """Rows of ``usfm predict``."""
    main(['predict', str(model), str(file), '--out', str(folder), '--device', 'cpu', *options])
    with (folder / 'predictions.csv').open(newline='') as table:
        return list(csv.DictReader(table))


def pixels_of(image):
    """Array of a picture in the page's text."""
    data = base64.b64decode(image.get_attribute('src').partition(',')[2])
    return np.asarray(Image.open(BytesIO(data)))


def cells(page, selector):
    return [row.inner_text().split('\t') for row in page.query_selector_all(f'{selector} tr')]


def test_segments_a_picture(page, made, tmp_path):
    drop(page, SAMPLE)
    answer(page, 'segment', 'table')
    [row] = predicted(tmp_path / 'out', HEAD, SAMPLE)
    assert cells(page, '#answer-segment') == [['', 'area in pixels'], ['head', row['head_px']]]
    layers = page.query_selector_all('#answer-segment .stack img')
    fill = pixels_of(layers[1])
    with Image.open(tmp_path / 'out/masks/sample_fetal_head.png') as mask:
        np.testing.assert_array_equal(fill[..., 3] > 0, np.asarray(mask) > 0)
    slider = page.query_selector('#fade input[type=number]')
    for percent in ('0', '80'):
        slider.fill(percent)
        slider.press('Enter')
        page.wait_for_function(
            'percent => getComputedStyle(document.querySelector(".fill")).opacity == percent / 100',
            arg=int(percent),
        )


def test_two_visitors_drop_the_same_file_at_once(page, chromium, server):
    other = chromium.new_page()
    other.goto(server.url)
    other.wait_for_selector('#drop input', state='attached')
    for tab in (page, other):
        tab.set_input_files('#drop input[type=file]', str(SAMPLE))
    for tab in (page, other):
        answer(tab, 'segment', 'table')
        assert tab.query_selector('#told .problem') is None
    assert cells(page, '#answer-segment') == cells(other, '#answer-segment')
    other.close()


def test_areas_of_a_dicom_file_are_in_mm2(page, made, tmp_path):
    scan = made['root'] / 'scan.dcm'
    drop(page, scan)
    answer(page, 'segment', 'table')
    [row] = predicted(tmp_path / 'out', HEAD, scan)
    assert float(row['head_mm2']) == pytest.approx(0.2 * int(row['head_px']))
    assert cells(page, '#answer-segment')[1] == ['head', row['head_px'], row['head_mm2']]
    assert '0.4 × 0.5 mm' in page.inner_text('#told')


def test_frames_of_a_clip(page, made, tmp_path):
    clip = made['root'] / 'clip.dcm'
    drop(page, clip)
    answer(page, 'segment', 'table')
    first, second = predicted(tmp_path / 'out', HEAD, clip)
    assert cells(page, '#answer-segment')[1][1] == first['head_px']
    place = page.query_selector('#frame input[type=number]')
    place.fill('1')
    place.press('Enter')
    page.wait_for_function(
        'pixels => document.querySelector("#answer-segment").innerText.includes(pixels)',
        arg=second['head_px'],
    )
    assert 'frame 1' in page.inner_text('#told')


def test_classifies(page, made, tmp_path):
    drop(page, SAMPLE)
    answer(page, 'classify', 'table')
    [row] = predicted(tmp_path / 'out', made['classifier'], SAMPLE)
    scores = {name: row[f'score_{name}'] for name in ('negative', 'positive')}
    assert {name: score for name, _, score in cells(page, '#answer-classify')} == scores
    assert cells(page, '#answer-classify .first')[:1] == []  # the row itself is the first
    assert page.inner_text('#answer-classify .first').split()[0] == row['label']


def test_enhances(page, made):
    drop(page, SAMPLE)
    answer(page, 'enhance', 'img')
    [expected] = enhance(load_model(made['enhancer']), SAMPLE)
    before, after = page.query_selector_all('#answer-enhance img')
    np.testing.assert_array_equal(pixels_of(before), expected.frame.pixels)
    np.testing.assert_array_equal(pixels_of(after), expected.image)


def test_reconstructs_what_is_painted(page, made, tmp_path):
    drop(page, SAMPLE)
    answer(page, 'pretrain', '.number')
    [row] = predicted(tmp_path / 'out', ENCODER, SAMPLE)
    assert page.inner_text('#answer-pretrain .number b') == row['mean_error']
    page.click('#clear')
    page.wait_for_selector('#patches .masked', state='detached')
    page.wait_for_function('!document.querySelector("#bands input:checked")')
    boxes = page.query_selector_all('#patches [data-cell]')
    places = [box.bounding_box() for box in boxes]
    page.mouse.move(places[8]['x'] + 5, places[8]['y'] + 5)  # row 1, columns 1 to 3
    page.mouse.down()
    page.mouse.move(places[10]['x'] + 5, places[10]['y'] + 5, steps=12)
    page.mouse.up()
    page.click('#bands label >> nth=2')
    patches = np.zeros((7, 7), bool)
    patches[1, 1:4] = True
    bands = np.arange(7) == 2
    [expected] = reconstruct(load_model(ENCODER), SAMPLE, patches, bands)
    page.wait_for_function(
        'error => document.querySelector("#answer-pretrain .number b").innerText == error',
        arg=str(round(float(expected.error.mean()), 4)),
    )
    assert len(page.query_selector_all('#patches .masked')) == 3
    images = [pixels_of(image) for image in page.query_selector_all('#answer-pretrain img')]
    np.testing.assert_array_equal(images[1], expected.masked)
    np.testing.assert_array_equal(images[2], expected.image)
    page.click('#draw')
    drawn, _ = draw_masks(load_model(ENCODER).card, 1, 0)
    page.wait_for_function(
        'count => document.querySelectorAll("#patches .masked").length == count',
        arg=int(drawn.sum()),
    )


def test_patches_are_painted_after_an_error(page, made):
    for file in (SAMPLE, made['root'] / 'notes.txt', SAMPLE):
        drop(page, file)
    answer(page, 'pretrain', '.number')
    assert page.wait_for_selector('#patches img').bounding_box()['height'] > 100
    page.click('#clear')
    page.wait_for_selector('#patches .masked', state='detached')
    page.click('#patches [data-cell] >> nth=9')
    page.wait_for_selector('#patches .masked')


@pytest.mark.parametrize('pause', [0, 0.3, 0.6, 1.0])
def test_a_tab_that_is_opened_while_it_is_answered_has_its_answer(page, pause):
    drop(page, SAMPLE)
    page.wait_for_timeout(1000 * pause)
    answer(page, 'alike', '.three img')


def test_finds_the_nearest_pictures_of_the_index(page, made):
    drop(page, SAMPLE)
    answer(page, 'alike', '.three img')
    [found] = similar(load_backbone(ENCODER), SAMPLE, made['root'] / 'index.npz')
    lines = [
        line.inner_text() for line in page.query_selector_all('#answer-alike .three figcaption')
    ]
    assert lines == [f'{near.cosine:.4f} · {Path(near.source).name}' for near in found]
    assert lines[0] == '1.0000 · 0.png'


@pytest.mark.parametrize('name', ['notes.txt', 'damaged.dcm', 'long.dcm'])
def test_errors_are_the_lines_of_the_shell(page, made, capsys, tmp_path, name):
    file = made['root'] / name
    drop(page, file)
    said = page.inner_text('#told .problem')
    if name == 'long.dcm':
        assert said.startswith('error: long.dcm is too long for the page, which takes 1000 frames')
    else:
        with pytest.raises(SystemExit):
            predicted(tmp_path / 'out', HEAD, file)
        lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
        assert said.replace('error: ', f'{file.parent}/') in lines
    assert 'Drop a picture first' in page.inner_text('#answer-segment')


def test_a_file_above_the_limit_is_refused(page, made):
    page.set_input_files('#drop input[type=file]', str(made['root'] / 'large.png'))
    page.wait_for_selector('text=/exceed the maximum allowed size of 5/')


def test_names_are_shown_not_obeyed(page, made):
    drop(page, made['root'] / '<b>x & y.png')
    assert page.query_selector('#told b') is None


def test_other_addresses_are_closed(page, server, made):
    for path in (
        'gradio_api/file=/etc/hostname',
        f'gradio_api/file={SAMPLE}',
        'gradio_api/proxy=http://localhost:1/',
        'gradio_api/info',
        'monitoring',
        'docs',
    ):
        assert page.request.get(server.url + path).status == 404
    assert page.request.get(server.url, headers=dict(Host='elsewhere.org')).status == 400
    big = page.request.post(
        server.url + 'gradio_api/upload',
        multipart=dict(files=dict(name='a.png', mimeType='image/png', buffer=b'\0' * 7_000_000)),
    )
    assert (big.status, big.text()) == (413, 'A file may have 5 MB at most.')
    a_little = page.request.post(
        server.url + 'gradio_api/upload',
        multipart=dict(files=dict(name='a.png', mimeType='image/png', buffer=b'\0' * 5_500_000)),
    )
    assert a_little.status == 413


def test_files_of_the_disk_are_not_taken_by_name(page, server):
    """As the page calls it, but with a path that was not sent: Gradio alone would read it."""
    config = page.request.get(server.url + 'config').json()
    [taking] = [one for one in config['dependencies'] if one['targets'][0][1] == 'upload']
    for path in (str(SAMPLE), '/etc/hostname', 'http://localhost:1/a.png', '../../a.png'):
        call = dict(
            fn_index=taking['id'],
            session_hash='another',
            data=[dict(path=path, meta=dict(_type='gradio.FileData'))],
        )
        assert page.request.post(server.url + 'gradio_api/queue/join', data=call).status == 400


def test_zz_nothing_was_asked_of_the_network_or_left(server):
    """The last one of this file: it ends the server."""
    assert server.stop() == 143
    noted = server.events()
    assert any(event[0] == 'os.mkdir' for event in noted)
    assert [event for event in noted if event[0] in NETWORK] == []
    allowed = (str(server.root / 'TMPDIR'), '/dev/')
    written = {path for event in noted if event[0] in WRITES for path in event[1:2]}
    strange = {path for path in written if not path.isdecimal() and not path.startswith(allowed)}
    own = ('gradio/hash_seed.txt', '/YAPF')  # Gradio's random number, the hosts' grammar
    assert {path for path in strange if not any(part in path for part in own)} == set()
    assert server.files() == []
    assert not list((server.root / 'TMPDIR').glob('usfm_page_*'))
    said = (server.root / 'stderr').read_text()  # the hosts warn of their own modules
    assert not [word for word in ('Traceback', 'ERROR', 'error:') if word in said], said
