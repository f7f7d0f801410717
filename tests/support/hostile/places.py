"""Files that are no files, have no end, change while they are read, or are called strangely."""

import os
import socket

from support.hostile.elements import SMALL, header, meta, native


def picture(path):
    """A file that is taken."""
    path.write_bytes(meta() + header() + native())


def _pipe(path):
    os.mkfifo(path)


def _socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # its path may be longer than a socket's name
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.chdir(here)


def _link(target):
    return lambda path: path.symlink_to(target)


def _circle(path):
    other = path.with_name(path.name + '-back')
    other.symlink_to(path.name)
    path.symlink_to(other.name)


def _folder(path):
    path.mkdir()
    picture(path / 'inside.dcm')


def _folder_in_itself(path):
    path.mkdir()
    (path / 'again').symlink_to('.')


def _deep(path):
    """Folders in folders, until no path is as long as that of the last one."""
    here = os.getcwd()
    path.mkdir()
    os.chdir(path)
    try:
        for _ in range(20):
            os.mkdir('d' * 250)
            os.chdir('d' * 250)
        with open('deep.dcm', 'wb') as file:
            file.write(meta() + header() + native())
    finally:
        os.chdir(here)


def _closed(path):
    picture(path)
    path.chmod(0)


def _sparse(path):
    with path.open('wb') as file:
        file.truncate(4_000_000_000)


LINKED, NO_FILE = 'linked folder', 'not a regular file'

PLACES = {
    'pipe.dcm': (_pipe, {NO_FILE}),
    'socket.dcm': (_socket, {NO_FILE}),
    'zeros-for-ever.dcm': (_link('/dev/zero'), {NO_FILE}),
    'noise-for-ever.png': (_link('/dev/urandom'), {NO_FILE}),
    'terminal.png': (_link('/dev/null'), {NO_FILE}),
    'processes': (_link('/proc'), {LINKED}),
    'nowhere.dcm': (_link('nowhere-at-all'), {'unreadable'}),
    'circle.dcm': (_circle, {'unreadable'}),
    'folder.dcm': (_folder, {''}),
    'folder-in-itself': (_folder_in_itself, {LINKED}),
    'deep': (_deep, {'unreadable folder'}),
    'closed.dcm': (_closed, {'unreadable', ''}),  # the system's own user may read it
    'zeros-4-gb': (_sparse, {'not an image'}),
    'empty.dcm': (lambda path: path.touch(), {'empty file'}),
    'noise.dcm': (lambda path: path.write_bytes(SMALL.tobytes()), {'not an image'}),
    'new\nline.dcm': (picture, {''}),
    'quote"\'`$(x).dcm': (picture, {''}),
    '-rf --all.dcm': (picture, {''}),
    '%s%n{0}.dcm': (picture, {''}),
    '\u202egnp.\U0001fa7a\u0301.dcm': (picture, {''}),
    os.fsdecode(b'\xff\xfe\x80.dcm'): (picture, {''}),
    'x' * 251 + '.dcm': (picture, {''}),
    ' ': (picture, {''}),
    '\x1b[2J\x07.dcm': (picture, {''}),
}
