"""What runs the blocks of a page, one after the other, in one bash and one Python."""

import subprocess
from pathlib import Path

BASH = """
exec 9>&1 >&2
set -euo pipefail
while read -r block; do source "$block"; echo ok >&9; done
"""


class Interpreter:
    """A process that is told files to run, and says ``ok`` after each; the first error ends it.

    Args:
        command: Starts it.
        folder: Where.
        suffix: Of its files.
        environment: Of the process.
    """

    def __init__(self, command, folder: Path, suffix: str, environment: dict[str, str]) -> None:
        self.folder, self.suffix, self.count = folder, suffix, 0
        self.log = folder / f'.log{suffix}'
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=environment,
                text=True,
            )

    def run(self, text: str) -> str:
        """Run a block; what it printed.

        Raises:
            ChildProcessError: It failed, with the end of what it printed.
        """
        self.count += 1
        file = self.folder / f'block_{self.count}{self.suffix}'
        file.write_text(text)
        start = self.log.stat().st_size
        try:
            self.process.stdin.write(f'{file.name}\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            raise ChildProcessError(self.log.read_text(errors='replace')[-4000:]) from None
        done = self.process.stdout.readline()
        printed = self.log.read_bytes()[start:].decode(errors='replace')
        if done != 'ok\n':
            raise ChildProcessError(printed[-4000:])
        return printed

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def bash(folder: Path, environment: dict[str, str]) -> Interpreter:
    """Variables and functions of a block are there in the next."""
    return Interpreter(['bash', '-c', BASH], folder, '.sh', environment)


def python(folder: Path, environment: dict[str, str]) -> Interpreter:
    """Names of a block are there in the next; a file with a config in it is loaded and built."""
    return Interpreter(['usfm', '--python'], folder, '.py', environment)
