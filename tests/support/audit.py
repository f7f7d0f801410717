"""A process that notes what it opens, makes, starts and connects to."""

WATCH = """
import os, sys
busy = False
def note(event, args):
    global busy
    if busy or event.split('.')[0] not in ('open', 'os', 'socket', 'sqlite3', 'subprocess'):
        return
    busy = True
    try:
        if event != 'open' or (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            log = os.open(os.environ['AUDIT_LOG'], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(log, (ascii((event, *map(str, args))) + chr(10)).encode())
            os.close(log)
    finally:
        busy = False
sys.addaudithook(note)
"""
"""Of a sitecustomize.py: a line in the file AUDIT_LOG for each event."""
