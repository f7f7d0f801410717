"""Comparing methods from the command line: an experiment without a file."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from usfm_mm.commands.compare_methods import experiment_of, main, parse_args
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.report import show
from usfm_mm.experiments.tables import align, summarise
from usfm_mm.io.image import encode_png

SEG = 'configs/baselines/seg_upernet_scratch.py'
CLS = 'configs/baselines/cls_vit_scratch.py'


def arguments(tmp_path, *more):
    return ['--data-root', str(tmp_path), '--work-dir', str(tmp_path / 'w'), *more]


def test_every_method_gets_the_same_data_and_its_own_options(tmp_path):
    args = parse_args(
        arguments(
            tmp_path,
            *('--method', f'a: {CLS} --arch tiny', '--method', f'b: {CLS}'),
            *('--seeds', '3', '4', '--percent', '20', '100', '--common=--image-size 112'),
        )
    )
    runs = plan(experiment_of(args), args.work_dir)
    assert [(r.seed, r.percent, r.method) for r in runs] == [
        (seed, percent, method) for seed in (3, 4) for percent in (20, 100) for method in 'ab'
    ]
    data = ('--image-size', '112', '--data-root', str(tmp_path))
    seed = ('--cfg-options', 'randomness.seed=3')
    assert runs[0].command == (CLS, '--arch', 'tiny', *data, *seed)
    assert runs[1].command == (CLS, *data, *seed)


def test_methods_with_other_measures_share_a_table():
    rows = [dict(method='a', DSC='1.0'), dict(method='b', ACC='2.0')]
    assert align(rows) == (['method', 'DSC', 'ACC'], [['a', '1.0', ''], ['b', '', '2.0']])


def test_no_number_of_the_table_is_cut_off_on_a_narrow_console():
    row = dict(method='USFM, frozen, with layer decay') | {
        f'measure {n}': f'{90 + n}.5 ± 10.{n}' for n in range(9)
    }
    output = io.StringIO()
    show([row], 'title', Console(file=output, width=80))
    for cell in (*row, *row.values()):
        assert cell in output.getvalue()


def test_table_of_means_over_seeds():
    def done(method, seed, **metrics):
        told = dict(stage='adapt', data='d', task='seg', percent=100, state='done')
        return [
            dict(told, method=method, seed=seed, measure=name, value=value)
            for name, value in metrics.items()
        ]

    rows = [
        *done('a', 0, DSC=60.0, DSC_std=20.0, HD95=8.0, **{'DSC/vein': 1.0}),
        *done('b', 0, DSC=50.0, DSC_std=20.0, HD95=9.0),
        *done('a', 1, DSC=64.0, DSC_std=20.0, HD95=8.5),
        *done('b', 1, loss=1.0),
    ]
    first, second = summarise(rows)
    assert first == {
        'data': 'd',
        'labels': '100 %',
        'method': 'a',
        'DSC': f'62.0 ± {np.std([60, 64], ddof=1):.1f}',
        'HD95': '8.2 ± 0.4',
    }
    assert (second['DSC'], second['HD95']) == ('50.0 (1 of 2 seeds)', '9.0 (1 of 2 seeds)')


@pytest.mark.parametrize(
    ('method', 'message'),
    [
        ('no colon', "give 'NAME: CONFIG"),
        ('a:', "give 'NAME: CONFIG"),
        ('a: configs/nothing.py', 'configs/nothing.py: no such config'),
    ],
)
def test_bad_methods(tmp_path, method, message):
    with pytest.raises((ValueError, OSError), match=message):
        main(arguments(tmp_path, '--method', method))


def test_a_comparison_runs_and_is_not_repeated(tmp_path):
    pytest.importorskip('monai')
    rng = np.random.default_rng(0)
    for folder in ('images', 'splits'):
        (tmp_path / folder).mkdir()
    for split in ('train', 'val', 'test'):
        lines = []
        for i in range(4):
            image = rng.integers(0, 120, (40, 40), np.uint8) + np.uint8(100 * (i % 2))
            (tmp_path / 'images' / f'{split}{i}.png').write_bytes(encode_png(image))
            lines.append(f'{split}{i}.png {i % 2}')
        (tmp_path / 'splits' / f'cls_{split}.txt').write_text('\n'.join(lines) + '\n')
    options = '--image-size 32 --arch tiny --cfg-options train_cfg.max_epochs=1'
    for name in ('train', 'val', 'test'):
        options += f' {name}_dataloader.batch_size=2 {name}_dataloader.num_workers=0'
        options += f' {name}_dataloader.persistent_workers=False'
    command = arguments(tmp_path, '--method', f'ViT: {CLS}', '--common', options)
    main(command)
    log = tmp_path / 'w' / 'runs' / tmp_path.name / 'ViT' / '100_percent_seed_0' / 'log.txt'
    table = (tmp_path / 'w' / 'results.md').read_text()
    lines = [line for line in table.splitlines() if line.startswith('|')]
    header, _, row = (
        line.split('|')[1:-1] for line in lines[:3]
    )  # of the results; intervals follow
    cells = {k.strip(): v.strip() for k, v in zip(header, row, strict=True)}
    metrics = json.loads((log.parent / 'test' / 'summary.json').read_text())['metrics']
    assert cells['method'] == 'ViT'
    assert float(cells['F1']) == pytest.approx(metrics['F1'], abs=0.051)
    before = log.read_text()
    main(command)
    assert log.read_text() == before
