"""``usfm`` without its start: a process that has imported all, and forks for each command.

``python -m support.pages.server SOCKET``. A client sends its arguments, folder and environment,
with its standard streams; a fork runs the command and answers with the exit status. What a page
needs to be quick is changed on the way, by :mod:`support.pages.small`.
"""

import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import time
import traceback
import warnings

CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(request).to_bytes(4, 'big')], [0, 1, 2])
    server.sendall(request)
    answer = server.recv(1)
sys.exit(answer[0] if answer else 70)
"""

PYTHON = """#!/bin/sh
case "$1 $2" in "-m benchmarks."*) shift; exec usfm --module "$@";; esac
exec {python} "$@"
"""


def preload():
    """Import what commands import, hosts and all."""
    from usfm_mm.compat import import_mmagic, import_mmseg, quiet_imports

    warnings.simplefilter('ignore')
    quiet_imports()
    import_mmseg()
    import_mmagic()
    import usfm_mm

    for module in pkgutil.walk_packages(usfm_mm.__path__, 'usfm_mm.'):
        if '.mim' not in module.name and not module.name.endswith('__main__'):
            importlib.import_module(module.name)
    for name in ('monai', 'sklearn.neighbors', 'matplotlib.pyplot', 'skimage.metrics', 'pydicom'):
        importlib.import_module(name)


def receive(connection):
    """Arguments, folder and environment of a client, and its streams."""
    head, streams, _, _ = socket.recv_fds(connection, 4, 3)
    wanted, data = int.from_bytes(head, 'big'), b''
    while len(data) < wanted:
        data += connection.recv(wanted - len(data))
    return json.loads(data), streams


def execute(arguments, folder, environment):
    """Run one command in this process; its exit status."""
    from support.pages.python import answer_files
    from support.pages.small import BENCHMARKS, make_small
    from usfm_mm.__main__ import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        if arguments == ['--python']:
            answer_files()
        elif arguments[:1] == ['--module']:  # a benchmark
            name = arguments[1]
            sys.argv = [name, *arguments[2:], *BENCHMARKS[name.removeprefix('benchmarks.')]]
            runpy.run_module(name, run_name='__main__', alter_sys=True)
        else:
            main(make_small(arguments))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve(address):
    """Answer until the parent process is gone."""
    preload()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended forks leave nothing
        print('ready', flush=True)
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                request, streams = receive(connection)
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                status = execute(*request)
                if 'USFM_TIMES' in os.environ:  # not of the start, which a fork does not have
                    print(f'{time.process_time():.1f} s of the processor', file=sys.stderr)
                sys.stdout.flush()
                sys.stderr.flush()
                connection.sendall(bytes([status & 255]))
                os._exit(0)
            connection.close()


if __name__ == '__main__':
    serve(sys.argv[1])
