"""Addresses on the command line: none that holds a secret, none where a path must stand."""

import pytest

from support.made_up import key_file
from usfm_mm.commands.build_database import main as build_database
from usfm_mm.database.addresses import source_of
from usfm_mm.database.listing import check_sources
from usfm_mm.database.remote import Remote, RemoteError


@pytest.mark.parametrize(
    ('address', 'told'),
    [
        (
            'memory://nothing/there',
            'there is no memory://nothing/there, or it cannot be',
        ),
        ('nosuch://bucket', 'nosuch://bucket cannot be opened .*Protocol not known'),
        ('memory://', 'names no folder'),
        ('https://anna:pass1@host/x', 'has a name or password in it'),
        ('s3://AKIA:ab/pass1@bucket/folder', 'has a name or password in it'),
        ('s3://AKIA:pass1/cd@bucket/folder', 'has a name or password in it'),
        ('s3://AKIA:pass1?e/f@bucket/folder', 'has a name or password in it'),
        ('https://host/x?X-Signature=pass1', r'has \?, # or \* in it'),
        ('https://host/x?X-Signature=a@pass1', r'has \?, # or \* in it'),
        ('https://host/x#pass1', r'has \?, # or \* in it'),
        ('s3://bucket/../x', r'or \.\.'),
        ('zip://a.zip::s3://bucket', 'leads through another one'),
        ('zip://a/b.zip::s3://AKIA:pass1@bucket', 'leads through another one'),
        ('filecache://bucket/x', 'keeps copies'),
    ],
)
def test_addresses_that_are_refused(tmp_path, address, told):
    with pytest.raises(RemoteError, match=told) as caught:
        check_sources([source_of(address)], tmp_path / 'out')
    assert len(str(caught.value).splitlines()) == 1
    assert 'pass1' not in str(caught.value)


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['memory://no/thing', 'out'], 'there is no memory://no/thing, or it cannot'),
        (['.', 's3://b/out'], 'the database must be on this machine, not s3://b/out'),
        (['.', 'out', '--exclude-like', 's3://b'], 'what --exclude-like names must be on this'),
        (['.', 'out', '--journal', 's3://b/j'], 'what --journal names must be on this machine'),
        (['.', 'out', '--key-file', 's3://b/k'], 'what --key-file names must be on this'),
        (['.', 'out', '--rules', 's3://b/r.yaml'], 'what --rules names must be on this machine'),
    ],
)
def test_the_command(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RemoteError, match=told):
        build_database(['--key-file', str(key_file(tmp_path)), *words])
    assert [path.name for path in tmp_path.iterdir()] == ['secret.key']


@pytest.mark.parametrize('address', ['s3://bucket/a@b', 's3://bucket/a:b@c', 'http://host:80/a'])
def test_addresses_that_hold_no_secret(address):
    assert source_of(address) == Remote(address)


def test_file_addresses_are_paths(tmp_path):
    assert source_of((tmp_path / 'a b').as_uri()) == tmp_path / 'a b'
    with pytest.raises(RemoteError):
        source_of('s3://')
