"""Say what is installed, what each part needs, and the command that adds it."""

import argparse
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import usfm_mm

_FORKS = 'onedl-mmengine onedl-mmcv onedl-mmpretrain'
PARTS = {
    'images, indexes': (('numpy', 'cv2', 'PIL', 'scipy', 'pyarrow', 'lmdb', 'joblib'), 'usfm-mm'),
    'exported models': (
        ('onnxruntime', 'pydicom', 'gdcm', 'av', 'SimpleITK', 'highdicom'),
        "'usfm-mm[infer]'",
    ),
    'pre-training, features': (
        ('torch', 'torchvision', 'safetensors', 'mmengine', 'mmcv', 'mmpretrain'),
        f"{_FORKS} 'usfm-mm[train]'",
    ),
    'segmentation': (('mmseg', 'monai'), "onedl-mmsegmentation 'usfm-mm[seg]'"),
    'classification': (('mmpretrain', 'monai', 'sklearn'), "'usfm-mm[seg]'"),
    'enhancement': (
        ('skimage', 'sklearn', 'mmagic'),
        "'usfm-mm[enhance]' && pip install --no-deps mmagic==1.2.0",
    ),
    'databases': (
        ('pydicom', 'av', 'SimpleITK', 'onnxruntime', 'imagehash', 'nibabel', 'yaml'),
        "'usfm-mm[data]'",
    ),
    'annotations (COCO, CVAT, YOLO)': (
        ('pycocotools', 'defusedxml'),
        "'usfm-mm[annotations]'",
    ),
    'DICOM segmentations': (('pydicom', 'highdicom'), "'usfm-mm[dicom]'"),
    'export to ONNX': (('torch', 'onnx', 'onnxruntime'), "'usfm-mm[export]'"),
    'the page (usfm serve)': (('gradio',), "'usfm-mm[page]'"),
    'encoders of timm': (('timm',), "'usfm-mm[encoders]'"),
    'experiments on Slurm': (('submitit',), "'usfm-mm[slurm]'"),
    'figures of features': (('sklearn', 'umap', 'tensorboard'), "'usfm-mm[vis]'"),
}
"""Modules that each part imports, and what ``pip install`` takes to add them."""

_SHOWN = {
    'torch': ('torch',),
    'mmengine': ('mmengine', 'onedl-mmengine'),
    'mmcv': ('mmcv', 'mmcv-lite', 'onedl-mmcv'),
    'mmpretrain': ('mmpretrain', 'onedl-mmpretrain'),
    'mmseg': ('mmsegmentation', 'onedl-mmsegmentation'),
    'mmagic': ('mmagic',),
    'numpy': ('numpy',),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the state of this installation."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    print(f'usfm_mm {usfm_mm.__version__}, Python {platform.python_version()}')
    for name, distributions in _SHOWN.items():
        found = [f'{it} {_version(it)}' for it in distributions if _version(it)]
        print(f'  {name:<12} {", ".join(found) or "not installed"}')
    for part, (modules, install) in PARTS.items():
        missing = [module for module in modules if find_spec(module) is None]
        print(f'{part}: {"ready" if not missing else "needs " + ", ".join(missing)}')
        if missing:
            print(f'    pip install {install}')


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
