"""Keyed hashes in the place of names, numbers and paths.

A plain hash of a patient's number is no protection: there are few numbers, and all can be tried.
Keyed with a secret (HMAC-SHA256, RFC 2104), the hash tells nothing to those who lack the key, and
the holder of the key can find a patient's images again, for instance to delete them.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

MIN_KEY_BYTES = 32
DIGEST_BYTES = 16

_MAKE_KEY = '(umask 077; python -c "import secrets; print(secrets.token_hex(32))" > {path})'


class KeyFileError(ValueError):
    """A key that is missing or no good; the message holds the command that makes one."""


class Identity:
    """Keyed hashes of 128 bits; a different one for each kind of thing.

    Args:
        key: The secret, see :func:`read_key`.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, kind: str, *parts: str | bytes) -> bytes:
        """16 bytes; equal for equal ``kind`` and ``parts`` only.

        Args:
            kind: 'patient', 'study', 'file', …: the same text gives unrelated hashes for two kinds.
            parts: What to hash. Their borders count: ('ab', 'c') is not ('a', 'bc').
        """
        message = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (kind, *parts):
            data = part.encode('utf-8', 'surrogatepass') if isinstance(part, str) else part
            message.update(len(data).to_bytes(8, 'little'))
            message.update(data)
        return message.digest()[:DIGEST_BYTES]

    def patient(self, *parts: str) -> str:
        """Hash of a patient, 32 hexadecimal digits."""
        return self.digest('patient', *parts).hex()

    def study(self, uid: str) -> str:
        """Hash of a study, 32 hexadecimal digits."""
        return self.digest('study', uid).hex()

    def file(self, path: str) -> bytes:
        """Hash of a source file's absolute path."""
        return self.digest('file', os.fsencode(path))

    def image(self, pixels: np.ndarray) -> bytes:
        """Hash of an image's shape and pixels, uint8 [H, W]: its name in the database."""
        return self.digest('image', repr(pixels.shape), pixels.tobytes())


def read_key(path: Path | None, out: Path, sources: Sequence[Path] = ()) -> bytes:
    """The secret in a key file: its content without white space around it.

    Args:
        path: The key file.
        out: Folder of the database, which gets shared; the key must not lie in it.
        sources: Nor in one of these, which others may read.

    Raises:
        KeyFileError: There is none, others may read it, it can be guessed, or it lies in ``out`` or
            a source.
    """
    command = _MAKE_KEY.format(path=path or 'KEY')
    if path is None:
        raise KeyFileError(
            'patients are told apart by keyed hashes, so that a key is needed. Make one once, '
            f'outside of the database, keep it secret and safe:\n  {command}\n'
            'and pass it with --key-file'
        )
    if out.resolve() in path.resolve().parents:
        raise KeyFileError(
            f'the key file {path} lies in the database {out}, with which it would be given away: '
            'move it elsewhere'
        )
    if not path.is_file():
        raise KeyFileError(f'there is no key file {path}. Make one with\n  {command}')
    for source in sources:
        if source.resolve() in (path.resolve(), *path.resolve().parents):
            raise KeyFileError(
                f'the key file {path} lies in the source {source}: move it to a folder of its own'
            )
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f'others may read the key file {path}: chmod 600 {path}')
    key = path.read_bytes().strip()
    if not is_random(key):
        raise KeyFileError(
            f'the key in {path} can be guessed: it must be {2 * MIN_KEY_BYTES} random hexadecimal '
            f'digits, or {MIN_KEY_BYTES} random bytes, or more. Make one with\n  {command}'
        )
    return key


def is_random(key: bytes) -> bool:
    """Does a key look like random hexadecimal digits or bytes, and not like words or a pattern?

    Of random keys about one in 100,000 is refused.

    >>> is_random(b'correct horse battery staple ' * 3), is_random(b'0123456789abcdef' * 4)
    (False, False)
    """
    if re.fullmatch(rb'[0-9a-fA-F]*', key):
        digits = key[: 4 * MIN_KEY_BYTES].lower()
        share = np.array([digits.count(digit) for digit in set(digits)]) / max(len(digits), 1)
        triples = {digits[i : i + 3] for i in range(len(digits) - 2)}
        # 64 random digits have 3.8 bits each, within 0.1, and 61 different triples of 62.
        return (
            len(digits) >= 2 * MIN_KEY_BYTES
            and -(share * np.log2(share)).sum() > 3.3
            and len(triples) > 0.85 * (len(digits) - 2)
        )
    try:
        key.decode()
    except UnicodeDecodeError:
        # 32 random bytes have 30 different values.
        return len(key) >= MIN_KEY_BYTES and len(set(key[:MIN_KEY_BYTES])) >= 22
    return False  # text: words, whatever the alphabet
