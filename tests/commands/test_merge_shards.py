"""Shards and their merge on the command line, and the config that opens what comes of it."""

import re

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from support.made_up import key_file, without_text_search, write_folder
from usfm_mm.commands.build_database import main as build
from usfm_mm.commands.merge_shards import main as merge
from usfm_mm.commands.remove_images import main as remove
from usfm_mm.commands.review_database import main as review
from usfm_mm.config.options import set_data_root
from usfm_mm.database.remote import RemoteError
from usfm_mm.registry import DATASETS


def test_opened_by_the_config_as_it_is(tmp_path, project_root, capsys):
    source, out = write_folder(tmp_path / 'source', 44), tmp_path / 'out'
    (tmp_path / 'rules.yaml').write_text("organ: [{path: '/(?P<organ>liver|thyroid)/'}]")
    place = ['--key-file', str(key_file(tmp_path)), '--journal', str(tmp_path / 'private/all')]
    options = ['--rules', str(tmp_path / 'rules.yaml'), '--workers', '1', '--packed']
    for shard in ('1/2', '2/2'):
        with without_text_search():
            build([str(source), str(out), *place, *options, '--shard', shard])
        told = capsys.readouterr().out
        assert re.search(rf'shard {shard}: \d+ files, \d+ images in .*usfm merge-shards', told)
    merge([str(out), *place])
    assert '44 images in' in capsys.readouterr().out
    assert (tmp_path / 'private/all').stat().st_mode & 0o077 == 0
    cfg = Config.fromfile(project_root / 'configs/usfm/pretrain_3mus.py')
    set_data_root(cfg, str(out))
    init_default_scope(cfg.default_scope)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    val = DATASETS.build(cfg.val_dataloader.dataset)
    assert (len(train), len(val)) == (42, 2)
    assert tuple(train[0]['inputs'].shape) == (1, 224, 224)
    assert train.num_bad == 0


@pytest.mark.parametrize('command', [merge, remove, review])
@pytest.mark.parametrize('option', ['--journal', '--key-file', ''])
def test_no_address_in_the_place_of_a_path(command, option):
    arguments = ['s3://bucket/x', 'ab'] if command is remove else ['s3://bucket/x']
    if option:
        arguments = ['out', *arguments[1:], option, 's3://bucket/x']
    with pytest.raises(RemoteError, match=f'{option or "database"}.* must be on this machine'):
        command(arguments)
