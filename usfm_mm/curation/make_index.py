"""From a folder of images to its index: scan, verify, split, write, report."""

import re
from pathlib import Path
from typing import Any

from rich.console import Console

from usfm_mm.curation.imbalance import imbalanced
from usfm_mm.curation.leave_out import paths_to_leave_out, without_training
from usfm_mm.curation.report import report_bad, report_organs
from usfm_mm.curation.scan import (
    check_organ_folders,
    check_organ_names,
    rows_of_folders,
    rows_of_manifest,
    rows_of_pattern,
    rows_of_prepared,
)
from usfm_mm.curation.split import to_table
from usfm_mm.curation.verify import verify
from usfm_mm.io.atomic import check_writable
from usfm_mm.io.index import write_index
from usfm_mm.io.packed import PACKED_NAME


def make_index(
    root: Path,
    out: Path | None = None,
    manifest: Path | None = None,
    prepared: bool = False,
    pattern: str | None = None,
    exclude: str = '',
    val_fraction: float | None = None,
    seed: int = 0,
    majority: tuple[str, float] | None = None,
    leave_out: Path | None = None,
    workers: int = 1,
) -> None:
    """Verify, report and write; see the command line's help.

    Raises:
        FileNotFoundError: ``root`` is not a folder.
        OSError: ``out`` cannot be written to.
        ValueError: There are no images, an organ has none that can be used, two organs differ
            in capitals only, folders are masks or splits and no organs, or the manifest or the
            pattern does not give what it must, or ``majority`` cannot be had.
    """
    console = Console()
    out = out or root

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    if not root.is_dir():
        raise FileNotFoundError(f'{root} is not a folder')
    unwanted = paths_to_leave_out(leave_out) if leave_out else set()
    if manifest is not None:
        rows = rows_of_manifest(manifest, say)
    elif prepared:
        rows = rows_of_prepared(root)
    elif pattern is not None:
        rows = rows_of_pattern(root, pattern, say)
    else:
        rows = rows_of_folders(root, say)
    if exclude:
        kept = [row for row in rows if not re.search(exclude, str(row['path']))]
        if len(kept) < len(rows):
            say(f'{len(rows) - len(kept)} images left out by --exclude {exclude}')
        rows = kept
    if not rows:
        raise ValueError(
            f'no images under {root}: expected {root}/ORGAN/NAME.png, or see '
            '--pattern and --manifest'
        )
    organs = {str(row['organ']) for row in rows}
    check_organ_names(organs)
    if manifest is None and not prepared and pattern is None:
        check_organ_folders(root, organs)
    rows.sort(key=lambda row: str(row['path']))

    check_writable(out, 'name a folder for the index with --out')
    out.mkdir(parents=True, exist_ok=True)
    verified = verify(root, [str(row['path']) for row in rows], workers, console)
    bad_list = out / 'bad_images.csv'
    bad = [
        {'path': str(row['path']), 'organ': str(row['organ']), 'reason': reason}
        for row, reason in zip(rows, verified.reasons, strict=True)
        if reason
    ]
    rows = [row for row, reason in zip(rows, verified.reasons, strict=True) if not reason]
    if sentence := report_bad(bad_list, bad):
        say(sentence)
    emptied = {row['organ'] for row in bad} - {str(row['organ']) for row in rows}
    if emptied:
        raise ValueError(
            f'none of the images of {", ".join(sorted(emptied))} can be used: see {bad_list}'
        )
    table = to_table(rows, val_fraction, seed)
    if unwanted:  # first, so that no organ loses all that is left of it
        whole, table = len(table), without_training(table, unwanted)
        say(f'{whole - len(table)} training images left out by --leave-out {leave_out}')
    if majority is not None:
        whole, table = len(table), imbalanced(table, *majority, seed)
        say(f'{whole - len(table)} training images left out by --majority {majority[0]}')
    mean, std = verified.intensities()
    about: dict[str, Any] = {'mean': [mean], 'std': [std]}
    if verified.bits:
        about['bits'] = verified.bits
    write_index(table, out / 'index.parquet', about)
    report_organs(table, out / 'organ_distribution.png', console)
    if verified.bits:
        say(
            f'{verified.num_deep} images have 16 bits per sample, of which {verified.bits} are '
            f'used: 0 to {2**verified.bits - 1} becomes 0 to 255 in all of them'
        )
    if (root / PACKED_NAME).is_file():
        say(
            f'The pixels are read from {root / PACKED_NAME}: if images have changed, pack them '
            f'again with "usfm pack pack {root}"'
        )
    if out.resolve() != root.resolve():
        say(
            f"For the config's data set: data_root='{root}', "
            f"index='{out.resolve() / 'index.parquet'}'"
        )
    say(f'Grey levels, kept in the index for the config: mean=[{mean:.2f}], std=[{std:.2f}]')
    say(f'{len(table)} images, {len(bad)} bad, index: {out / "index.parquet"}')
