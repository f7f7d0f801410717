"""Write a prepared data set as nnU-Net's raw data or as COCO, with the very same split."""

import argparse
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = """examples:
  usfm export-data data/busi nnUNet_raw/Dataset501_BUSI --format nnunet
  usfm export-data data/busi coco/busi --format coco
Either is read again by "usfm prepare folder", and gives the same images, masks and splits.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('prepared', type=Path, help='folder that "usfm prepare" made')
    parser.add_argument('out', type=Path, help='folder to make')
    parser.add_argument('--format', choices=('nnunet', 'coco'), required=True)
    args = parser.parse_args(argv)
    from usfm_mm.converters.exporting.coco import write_coco
    from usfm_mm.converters.exporting.nnunet import write_nnunet
    from usfm_mm.converters.exporting.prepared import read_prepared

    out = args.out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f'{out} is there already: name a new folder, or remove this one')
    prepared = read_prepared(args.prepared)
    write = {'nnunet': write_nnunet, 'coco': write_coco}[args.format]
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f'.{out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        write(prepared, partial)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(f'{len(prepared.cases)} images in {out}')
    if args.format == 'nnunet':
        if not re.fullmatch(r'Dataset\d{3}_.+', out.name):
            print('nnU-Net finds its data by names like Dataset501_BUSI: rename the folder.')
        print(
            'For the same val, copy splits_final.json to nnUNet_preprocessed/'
            f'{out.name} after planning, and train fold 0.'
        )
