"""Keyed hashes and the rules for keys."""

import hashlib
import hmac
import subprocess
import sys

import numpy as np
import pytest

from support.made_up import KEY, key_file
from usfm_mm.database.identity import Identity, KeyFileError, is_random, read_key


def test_is_hmac_sha256_of_kind_and_parts():
    def framed(*parts):
        return b''.join(len(part).to_bytes(8, 'little') + part for part in parts)

    expected = hmac.new(b'k' * 32, framed(b'patient', b'number', b'4711'), hashlib.sha256)
    assert Identity(b'k' * 32).patient('number', '4711') == expected.hexdigest()[:32]


def test_same_text_other_hash_by_kind_key_and_borders():
    one, other = Identity(b'k' * 32), Identity(b'l' * 32)
    hashes = {
        one.patient('ab', 'c'),
        one.patient('a', 'bc'),
        one.patient('abc'),
        one.study('abc'),
        other.patient('abc'),
        one.file('abc').hex(),
    }
    assert len(hashes) == 6
    assert one.patient('ab', 'c') == Identity(b'k' * 32).patient('ab', 'c')


def test_image_hash_sees_the_shape():
    identity = Identity(b'k' * 32)
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert identity.image(image) != identity.image(image.reshape(3, 2))
    assert identity.image(image[:, ::-1]) == identity.image(image[:, ::-1].copy())


def test_key_is_the_content_without_white_space(tmp_path):
    path = key_file(tmp_path, f'  {KEY}\n')
    assert read_key(path, tmp_path / 'out') == KEY.encode()


def test_no_key_is_refused_with_a_command_that_makes_one(tmp_path):
    with pytest.raises(KeyFileError, match='--key-file'):
        read_key(None, tmp_path / 'out')
    path = tmp_path / 'new.key'
    with pytest.raises(KeyFileError, match='no key file') as error:
        read_key(path, tmp_path / 'out')
    command = str(error.value).splitlines()[-1].replace('python ', f'{sys.executable} ')
    subprocess.run(command, shell=True, check=True)
    assert len(read_key(path, tmp_path / 'out')) == 64
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    'key',
    [
        *('', 'secret', 'x' * 31, 'ab' * 40, '1234567890' * 7, '0123456789abcdef' * 4),
        *('abcdefgh' * 4, 'correct horse battery staple, and then some more of it'),
        *('CorrectHorseBatteryStapleAndThenSomeMoreOfThem00', 'пароль из многих русских слов'),
        bytes(range(1, 33)).hex(),
        KEY[:62],
    ],
)
def test_key_that_can_be_guessed(tmp_path, key):
    with pytest.raises(KeyFileError, match='can be guessed'):
        read_key(key_file(tmp_path, key), tmp_path / 'out')


def test_key_inside_the_database(tmp_path):
    (tmp_path / 'out/deep').mkdir(parents=True)
    inside = key_file(tmp_path / 'out/deep')
    with pytest.raises(KeyFileError, match='given away'):
        read_key(inside, tmp_path / 'out')
    link = tmp_path / 'link.key'
    link.symlink_to(inside)
    with pytest.raises(KeyFileError, match='given away'):
        read_key(link, tmp_path / 'out')


def test_random_keys_are_taken():
    rng = np.random.default_rng(0)
    assert all(is_random(rng.bytes(32)) for _ in range(2000))
    assert all(is_random(rng.bytes(32).hex().encode()) for _ in range(2000))
    assert is_random(rng.bytes(2000).hex().encode())
    assert not is_random(rng.bytes(31))


def test_key_that_others_may_read(tmp_path):
    path = key_file(tmp_path)
    for mode in (0o640, 0o604, 0o666):
        path.chmod(mode)
        with pytest.raises(KeyFileError, match=f'chmod 600 {path}'):
            read_key(path, tmp_path / 'out')
    path.chmod(0o400)
    assert read_key(path, tmp_path / 'out') == KEY.encode()


def test_key_inside_a_source(tmp_path):
    (tmp_path / 'source/deep').mkdir(parents=True)
    path = key_file(tmp_path / 'source/deep')
    for source in (tmp_path / 'source', path):
        with pytest.raises(KeyFileError, match='lies in the source'):
            read_key(path, tmp_path / 'out', [source])
    assert read_key(path, tmp_path / 'out', [tmp_path / 'other'])
