"""`python -m mnst_video`, and the console script: quiet from its first moment on."""

import os
import signal
from typing import NoReturn

# The descriptors of standard input, output and error.
STANDARD = (0, 1, 2)


def main() -> None:
    """The console script. Exit codes are listed in docs/cli.md."""
    _open_standard_streams()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupted)  # until a command begins
    from mnst_video.cli.main import main as command  # which takes long enough to be interrupted

    command()


def _open_standard_streams() -> None:
    """Let nothing else have the number of a standard stream that is closed.

    What a library writes to standard error would land in it.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _interrupted(*_: object) -> NoReturn:
    """Before anything is begun."""
    os.write(2, b"mnst-video: interrupted: nothing was begun\n")
    os._exit(130)


if __name__ == "__main__":
    main()
