"""The command line of the builder, and the config that opens its database."""

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from support.made_up import key_file, write_folder
from usfm_mm.commands.build_database import main
from usfm_mm.config.options import set_data_root
from usfm_mm.registry import DATASETS


def test_opened_by_the_config_as_it_is(tmp_path, project_root, capsys):
    source = write_folder(tmp_path / 'source', 44)
    (tmp_path / 'rules.yaml').write_text("organ: [{path: '/(?P<organ>liver|thyroid)/'}]")
    main(
        [
            str(source),
            str(tmp_path / 'out'),
            '--key-file',
            str(key_file(tmp_path)),
            '--rules',
            str(tmp_path / 'rules.yaml'),
            '--workers',
            '1',
        ]
    )
    assert '44 images in' in capsys.readouterr().out
    cfg = Config.fromfile(project_root / 'configs/usfm/pretrain_3mus.py')
    set_data_root(cfg, str(tmp_path / 'out'))
    init_default_scope(cfg.default_scope)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    val = DATASETS.build(cfg.val_dataloader.dataset)
    assert train.metainfo['organs'] == ['liver', 'thyroid']
    assert (len(train), len(val)) == (42, 2)
    assert tuple(train[0]['inputs'].shape) == (1, 224, 224)
    assert train.num_bad == 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'a key is needed.*token_hex.*--key-file'),
        (['--key-file', 'out/key'], 'given away'),
        (['--key-file', 'key', '--rules', 'nowhere.yaml'], 'nowhere.yaml'),
        (['--key-file', 'key', '--exclude-like', 'nowhere'], 'there is no nowhere'),
        (['--key-file', 'key', '--max-hamming', '99'], 'from 0 to 40'),
    ],
)
def test_errors_are_one_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / 'source', 1)
    key_file(tmp_path).rename('key')
    with pytest.raises((ValueError, OSError), match=f'(?s){message}'):
        main(['source', 'out', *arguments, '--workers', '1'])
    assert not (tmp_path / 'out').exists()
