"""Bring a data set into the layout of the configs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = """examples:
  usfm prepare busi Dataset_BUSI.zip data/busi
  usfm prepare folder scans data/mine                          # scans/images and scans/masks
  usfm prepare coco scans data/mine                            # or folder, which finds it out
  usfm prepare folder scans data/mine --patients '^(\\w+?)_'    # 12_1.png and 12_2.png: patient 12
  usfm prepare folder scans data/mine --table scans.csv        # columns name, patient, label, split
  usfm prepare folder scans data/mine --table scans.csv --columns patient=Case,label=Finding
  usfm prepare table scans data/mine --table scans.csv --labels A-lines B-lines --values EF
  usfm prepare covid_blues COVID-BLUES data/covid_blues        # clips
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'name',
        help='data set (see docs/datasets.md), format (see docs/data.md); your own: folder, or '
        'table for images and clips with what a table tells of them',
    )
    parser.add_argument('source', type=Path, help='a folder, .zip, .tar or .tar.gz')
    parser.add_argument('out', type=Path, help='folder to make, such as data/busi')
    parser.add_argument('--seed', type=int, default=0, help='of the split (default: 0)')
    own = parser.add_argument_group('your own data (NAME is folder, table or a format)')
    own.add_argument('--organ', default='unknown', help='of all images')
    own.add_argument('--classes', nargs='+', default=(), help='names of the mask values 1, 2, ...')
    own.add_argument(
        '--patients',
        help='regular expression on file names, whose first group (or all of it) is the patient; '
        '"none": each image is a patient of its own',
    )
    own.add_argument(
        '--table',
        '--splits',
        type=Path,
        help='CSV that tells names and any of patient, label, split (train, val, test)',
    )
    own.add_argument(
        '--columns',
        metavar='NAME=COLUMN,...',
        help='which columns of the table tell name, patient, label and split, as in '
        'patient=Case,label=; usual names are found by themselves',
    )
    own.add_argument(
        '--labels',
        nargs='+',
        default=(),
        metavar='COLUMN',
        help='of NAME table: columns of findings, 1 or 0, yes or no',
    )
    own.add_argument(
        '--values',
        nargs='+',
        default=(),
        metavar='COLUMN',
        help='of NAME table: columns of numbers, such as an ejection fraction',
    )
    own.add_argument(
        '--mask-suffix', help="what masks have after their image's name (default: found by itself)"
    )
    args = parser.parse_args(argv)
    from rich.console import Console  # imported once they are needed

    from usfm_mm.converters import CONVERTERS
    from usfm_mm.converters.annotations import FORMATS, annotated, detect
    from usfm_mm.converters.archives import opened
    from usfm_mm.converters.convert import convert
    from usfm_mm.converters.folder import own_data
    from usfm_mm.converters.labelled import labelled_data
    from usfm_mm.converters.table import Table, column_names
    from usfm_mm.io.atomic import check_writable

    own_names = ('folder', 'table', *FORMATS)
    if args.name not in (*own_names, *CONVERTERS):
        parser.error(f'no data set {args.name!r}; there are {", ".join((*own_names, *CONVERTERS))}')
    for_names = {
        **dict.fromkeys(('patients', 'table', 'columns'), own_names),
        'classes': ('folder', *FORMATS),
        'mask_suffix': ('folder',),
        **dict.fromkeys(('labels', 'values'), ('table',)),
    }
    for option, names in for_names.items():
        if getattr(args, option) and args.name not in names:
            parser.error(f'--{option.replace("_", "-")} is for NAME {", ".join(names)}')
    if not args.table and (args.columns or args.name == 'table'):
        parser.error('NAME table needs --table, and so does --columns')
    out = args.out.resolve()
    check_writable(out.parent, 'name another folder')
    out.parent.mkdir(parents=True, exist_ok=True)
    columns = column_names(args.columns) if args.columns else {}
    with opened(args.source, out.parent) as source:
        name = args.name
        if name == 'folder' and not args.mask_suffix:
            name = detect(source) or name
        if name == 'table':
            converter = labelled_data(
                source, args.table, columns, args.labels, args.values, args.organ, args.patients
            )
        else:
            table = Table(args.table, columns) if args.table else None
            told = args.organ, args.classes, args.patients, table
            if name in FORMATS:
                converter = annotated(name, source, *told)
            else:
                converter = CONVERTERS.get(name) or own_data(source, *told, args.mask_suffix)
        convert(converter, source, out, args.seed, Console())
