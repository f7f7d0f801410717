"""Make the pictures of page.md: python docs/page_pictures.py FOLDER_OF_USGRA_IMAGES.

It serves the demonstration models and drives the page in Debian's Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / 'docs' / 'images'
MODELS = [str(ROOT / 'models' / f'demo_{name}.safetensors') for name in ('fetal_head', 'encoder')]
SAMPLE = ROOT / 'models' / 'sample_fetal_head.png'
USFM = [sys.executable, '-m', 'usfm_mm']


def drop(page: Page, file: Path, tab: str, selector: str) -> None:
    """Drop a file and open a tab."""
    page.set_input_files('#drop input[type=file]', str(file))
    page.wait_for_function(
        'name => document.querySelector("#told").innerText.includes(name)', arg=file.name
    )
    page.click(f'#tab-{tab}-button')
    page.wait_for_selector(f'#answer-{tab} {selector}')


def shoot(page: Page, name: str) -> None:
    """Take a picture of the page, with few colours."""
    page.mouse.move(0, 0)
    page.wait_for_function('!document.querySelector(".pending")')  # Gradio's answers to come
    page.wait_for_timeout(1000)  # what fades in
    image = cv2.imdecode(np.frombuffer(page.screenshot(full_page=True), np.uint8), cv2.IMREAD_COLOR)

    few = Image.fromarray(image[..., ::-1]).quantize(256)
    few.save(OUT / f'page_{name}.png', optimize=True)


def pictures(page: Page, images: Path, notes: Path) -> None:
    """Go through the tabs."""
    drop(page, SAMPLE, 'segment', 'table')
    shoot(page, 'segment')
    drop(page, notes, 'segment', '.note')
    shoot(page, 'error')
    drop(page, SAMPLE, 'pretrain', '.number')
    page.click('#clear')
    page.wait_for_selector('#patches .masked', state='detached')
    page.wait_for_function('!document.querySelector("#bands input:checked")')
    cells = page.query_selector_all('#patches [data-cell]')
    boxes = [cell.bounding_box() for cell in cells]
    for row in (1, 2, 3):  # a part of the skull
        for end, act in ((4, page.mouse.down), (5, page.mouse.up)):
            box = boxes[7 * row + end]
            assert box is not None
            page.mouse.move(box['x'] + 9, box['y'] + 9, steps=6)
            act()
        page.wait_for_function(
            'count => document.querySelectorAll("#patches .masked").length == count', arg=2 * row
        )
    for band in (1, 3):
        page.click(f'#bands label >> nth={band}')
    page.wait_for_timeout(3000)
    shoot(page, 'reconstruct')
    drop(page, sorted(images.glob('*.png'))[10], 'alike', '.three img')
    shoot(page, 'similar')


def main() -> None:
    """Serve, drive, stop."""
    images = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        index = f'{folder}/usgra.npz'
        subprocess.run([*USFM, 'extract-features', MODELS[1], images, '--out', index], check=True)
        notes = Path(folder) / 'report.txt'
        notes.write_text('Normal findings.\n')
        serve = [*USFM, 'serve', *MODELS, '--index', index, '--port', '0']
        with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = next(line.split()[0] for line in server.stdout if line.startswith('http'))
            try:
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(
                        executable_path=shutil.which('chromium'),
                        args=['--no-sandbox', '--disable-gpu'],
                    )
                    page = browser.new_page(viewport=dict(width=1240, height=600))
                    page.set_default_timeout(90_000)
                    page.goto(url)
                    page.wait_for_selector('#drop input', state='attached')
                    pictures(page, images, notes)
                    browser.close()
            finally:
                server.terminate()


if __name__ == '__main__':
    main()
