"""A store of objects that lie, by their names: ``hostile://``, in this process alone."""

import io
import time
from contextlib import contextmanager

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class Endless(io.RawIOBase):
    """An image's beginning, then zeros for ever."""

    def __init__(self, head):
        self.head = head

    def read(self, count=-1):
        block, self.head = self.head[:count], self.head[count:]
        return block + bytes(count - len(block))


class HostileStore(MemoryFileSystem):
    """Objects of a memory file system; `opened` notes which were opened."""

    protocol = 'hostile'
    store, pseudo_dirs = {}, ['']
    opened = []

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace('hostile://', 'memory://', 1))

    def _lie(self, info):
        name = info['name'].rpartition('/')[2]
        if name == 'too-large.dcm':
            return {**info, 'size': 5_000_000_000}
        if name == 'too-large.png':
            return {**info, 'size': 600_000_000}
        if name == 'without-size-or-end.dcm':
            return {**info, 'size': None}
        if name in ('longer.png', 'shorter.png'):
            return {**info, 'size': info['size'] + (1 if name == 'shorter.png' else -1)}
        return info

    def ls(self, path, detail=True, **kwargs):
        if path.endswith('/closed'):
            raise PermissionError(path)
        listed = super().ls(path, detail=True, **kwargs)
        if path.endswith('/outside'):
            listed = [{**entry, 'name': '/etc/passwd'} for entry in listed]
            listed.append({'name': f'{path}/../../x.png', 'size': 1, 'type': 'file'})
        if path.endswith('/without-end'):
            listed = [{'name': f'{path}/without-end', 'size': 0, 'type': 'directory'}]
        if path.endswith('/names-itself'):
            listed.append({'name': f'{path}/', 'size': 0, 'type': 'directory'})
        return [self._lie(entry) for entry in listed]

    def info(self, path, **kwargs):
        if path.endswith('/stalls-when-told.png'):
            time.sleep(30)
        return self._lie(super().info(path, **kwargs))

    def _open(self, path, mode='rb', **kwargs):
        file = super()._open(path, mode, **kwargs)
        name = path.rpartition('/')[2]
        if mode != 'rb':
            return file
        self.opened.append(name)
        if name == 'stalls-when-opened.png':
            time.sleep(30)
        if name == 'vanishing.png':
            self.rm(path)
            raise FileNotFoundError(path)
        if name == 'forbidden.png':
            raise PermissionError(13, 'Dr Miller may not', path)
        if name == 'other-error.png':
            raise RuntimeError(f'NoSuchKey: {path} of Dr Miller')
        if name == 'replaced.png':
            content = self.cat_file(path)
            self.pipe_file(path, content)  # of the same size, at another time
        if name in ('endless.png', 'without-size-or-end.dcm'):
            return Endless(file.read())
        if name == 'stalls.png':
            file = io.BytesIO(file.read())
            file.read = lambda count: time.sleep(30)
        return file


@contextmanager
def hostile_store(objects):
    """Serve objects by their paths as ``hostile://``; gives the store."""
    fsspec.register_implementation('hostile', HostileStore, clobber=True)
    system = HostileStore()
    for path, content in objects.items():
        system.pipe_file(f'/{path}', content)
    HostileStore.opened.clear()
    try:
        yield system
    finally:
        HostileStore.store.clear()
        HostileStore.pseudo_dirs[:] = ['']


@contextmanager
def in_memory(folder, at):
    """The files of a folder as ``memory://AT``."""
    system = fsspec.filesystem('memory')
    try:
        for path in folder.rglob('*'):
            if path.is_file():
                system.pipe_file(f'/{at}/{path.relative_to(folder).as_posix()}', path.read_bytes())
        yield system
    finally:
        system.store.clear()
        system.pseudo_dirs[:] = ['']
