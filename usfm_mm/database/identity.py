"""Keyed hashes in the place of names, numbers and paths.

A plain hash of a patient's number is no protection: there are few numbers, and all can be tried.
Keyed with a secret (HMAC-SHA256, RFC 2104), the hash tells nothing to those who lack the key, and
the holder of the key can find a patient's images again, for instance to delete them.
"""

import hashlib
import hmac
import os
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


def read_key(path: Path | None, out: Path) -> bytes:
    """The secret in a key file: its content without white space around it.

    Args:
        path: The key file.
        out: Folder of the database, which gets shared; the key must not lie in it.

    Raises:
        KeyFileError: There is none, it is too short or too regular, or it lies in ``out``.
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
    key = path.read_bytes().strip()
    if len(key) < MIN_KEY_BYTES or len(set(key)) < 8:
        raise KeyFileError(
            f'the key in {path} can be guessed: it must have {MIN_KEY_BYTES} random bytes or '
            f'more. Make one with\n  {command}'
        )
    return key
