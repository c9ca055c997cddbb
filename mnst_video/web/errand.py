"""Runs one command line of the program, outlives who started it, and writes down how it ended.

`python -m mnst_video.web.errand LOG COMMAND…`: the log has what the command says, and at last a
line `{"event": "end", "code": N}`.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path


def main() -> int:
    log, *command = sys.argv[1:]
    # An interrupt of the group is for the command, which then stops with its frames kept.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with Path(log).open("ab", buffering=0) as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "mnst_video", *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=_hear_interrupts if os.name == "posix" else None,
        )
        code = process.wait()
        file.write(json.dumps({"event": "end", "code": code}).encode() + b"\n")
    return 0


def _hear_interrupts() -> None:
    """In the command's process: what is ignored here would stay ignored there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
