"""What the reader of each page has before the first block, as small stand-ins."""

import shutil
from pathlib import Path

from support.pages import annotations
from support.pages import stand_ins as made
from support.pages.blocks import ROOT
from support.pages.weights import Weights
from support.table_data import write_scans

COPIED = ('configs', 'tools', 'benchmarks', 'requirements')


def furnish(page: str, folder: Path, weights: Weights) -> None:
    """Lay out the clone, then what the page needs besides."""
    for name in COPIED:  # a page may write to any
        shutil.copytree(ROOT / name, folder / name)
    if page != 'models/README.md':  # which makes them
        shutil.copytree(ROOT / 'models', folder / 'models')
    READERS.get(page, lambda *_: None)(folder, weights)


def _readme(folder: Path, weights: Weights) -> None:
    made.organs(folder / 'data' / 'mine', each=21)  # of 20 on, one is for validation
    weights.put('released', folder / 'checkpoints' / 'USFM_latest.pth')
    weights.put('released', folder / 'USFM_latest.pth')
    weights.put('segmenter', folder / 'work_dirs' / 'seg' / 'best.pth')
    weights.put('segmenter', folder / 'best.pth')
    made.dicom(folder / 'export' / '1' / 'a.dcm')
    (folder / 'pictures').mkdir()
    for name in ('a', 'b', 'pictures/a'):
        shutil.copy(folder / 'models' / 'sample_fetal_head.png', folder / f'{name}.png')
    made.labelled(folder / 'scans')


def _first_hour(folder: Path, weights: Weights) -> None:
    made.labelled(folder / 'labelled')


def _prepared(folder: Path, weights: Weights) -> None:
    made.busi(folder / 'release')
    weights.sh(f'cd {folder}; usfm prepare busi release data/mine')


def _adaptation(folder: Path, weights: Weights) -> None:
    _prepared(folder, weights)
    weights.put('pretrained', folder / 'work_dirs' / 'pretrain' / 'iter_1000.pth')
    weights.put('released', folder / 'checkpoints' / 'USFM_latest.pth')


def _checkpoints(folder: Path, weights: Weights) -> None:
    _prepared(folder, weights)
    weights.put('released_base', folder / 'USFM_latest.pth')
    weights.put('mae', folder / 'UltraFedFM.pth')
    weights.put('pretrained', folder / 'work_dirs' / 'pretrain_3mus' / 'iter_200000.pth')
    trained = folder / 'work_dirs' / 'seg_custom_upernet' / 'best_DSC_epoch_150.pth'
    weights.put('segmenter', trained)
    made.organs(folder / 'folder' / 'of' / 'images')
    for path in (folder / 'folder' / 'of' / 'images').glob('heart/*.png'):
        path.rename(path.parents[1] / path.name)


def _data(folder: Path, weights: Weights) -> None:
    made.organs(folder / 'data' / 'mine')
    made.labelled(folder / 'own')
    made.coloured(folder / 'scans' / 'coloured')
    made.structures(folder / 'scans' / 'structures')
    made.volumes(folder / 'scans' / 'volumes')
    for kind in (annotations.labelme, annotations.yolo, annotations.cvat):
        kind(folder / 'scans' / kind.__name__)
    weights.sh(
        f'cd {folder}; usfm prepare folder own prepared; '
        'usfm export-data prepared nnUNet_raw/Dataset501_Thyroid --format nnunet; '
        'usfm export-data prepared scans/coco --format coco'
    )


def _database(folder: Path, weights: Weights) -> None:
    made.organs(folder / 'more', each=21, names=('liver',))  # of 20 on, one is for validation
    for number, name in enumerate(('a', 'b')):
        made.dicom(folder / 'export' / name, frames=1 + 2 * number, seed=40 * number)
    (folder / 'rules.yaml').write_text("organ:\n  - {path: '^more/(?P<organ>[^/]+)/'}\n")
    made.busi(folder / 'release', each=4)
    weights.sh(f'cd {folder}; usfm prepare busi release data/busi')


def _enhancement(folder: Path, weights: Weights) -> None:
    made.usenhance(folder)
    made.qualities(folder / 'scans')
    made.qualities(folder / 'unpaired')
    made.busi(folder)
    made.hc18(folder)
    for name in ('train_datasets', 'Dataset_BUSI_with_GT', 'training_set'):
        shutil.make_archive(str(folder / name), 'zip', folder, name)
    weights.put('released', folder / 'checkpoints' / 'USFM_latest.pth')
    weights.put('pretrained', folder / 'work_dirs' / 'pretrain_3mus' / 'iter_1000.pth')
    weights.put('enhancer', folder / 'best.pth')
    test = 'usfm test usfm/enhance_custom_cyclegan best.pth --data-root tested --work-dir work_dirs'
    weights.sh(
        f'cd {folder}; usfm prepare folder scans tested; {test}/plain; '
        'cp -r work_dirs/plain work_dirs/usfm'
    )


def _inference(folder: Path, weights: Weights) -> None:
    weights.put('segmenter', folder / 'work_dirs' / 'seg' / 'best_DSC_epoch_20.pth')
    for name in ('best', 'second', 'third'):
        weights.put('segmenter', folder / f'{name}.pth')
    made.organs(folder / 'scans')
    for path in (folder / 'scans').glob('heart/*.png'):
        path.rename(path.parents[1] / path.name)
    made.dicom(folder / 'export' / '1' / 'a.dcm', frames=3)
    made.dicom(folder / 'scan.dcm')
    made.clip(folder / 'clips' / 'a.mp4')


def _migration(folder: Path, weights: Weights) -> None:
    _prepared(folder, weights)
    weights.put('released', folder / 'USFM_latest.pth')


def _results(folder: Path, weights: Weights) -> None:
    made.busi(folder / 'BUSI')
    made.hc18(folder / 'HC18')
    made.usgra(folder / 'USGRA')
    made.usanotai(folder / 'USAnotAI')
    made.picmus(folder / 'PICMUS')
    weights.put('pretrained', folder / 'work_dirs' / 'small' / 'simmim_us' / 'iter_3060.pth')
    (folder / 'docs' / 'images').mkdir(parents=True)


def _tables(folder: Path, weights: Weights) -> None:
    write_scans(folder)
    lines = ['video_file,Severity Score,A-lines,B-lines,comments']
    for number in range(32):
        name = f'patient_{number}_R1'
        made.clip(folder / 'COVID-BLUES' / 'lus_videos' / f'{name}.mp4', frames=3 + number)
        lines.append(f'{name},{number % 4}.0,{"yes" if number % 3 else "no "},yes,"few, if any"')
    (folder / 'COVID-BLUES' / 'severity.csv').write_text('\n'.join(lines) + '\n')


def _models(folder: Path, weights: Weights) -> None:
    made.hc18(folder / 'HC18')
    made.usgra(folder / 'USGRA')
    (folder / 'models').mkdir()


def _benchmarks(folder: Path, weights: Weights) -> None:
    made.organs(folder / 'scans')


READERS = {
    'benchmarks/README.md': _benchmarks,
    'docs/large_database.md': _benchmarks,
    'README.md': _readme,
    'docs/first_hour.md': _first_hour,
    'docs/adaptation.md': _adaptation,
    'docs/checkpoints.md': _checkpoints,
    'docs/data.md': _data,
    'docs/database.md': _database,
    'docs/database_pictures.md': lambda folder, _: made.dicom(folder / 'study' / 'IM_0001', 5),
    'docs/enhancement.md': _enhancement,
    'docs/inference.md': _inference,
    'docs/migration.md': _migration,
    'docs/pretraining.md': lambda folder, _: made.indexed(folder / 'data' / 'mine'),
    'docs/results.md': _results,
    'docs/tables.md': _tables,
    'models/README.md': _models,
}
