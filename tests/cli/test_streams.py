"""Standard streams that are closed or full, and an interrupt in the first moment."""

import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnst_video.media.input.probe import probe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix's streams and signals")


def command(*arguments, **settings):
    """The console script as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "mnst_video", *map(str, arguments)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **settings},
    )


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_an_interrupt_in_the_first_moment_is_one_line(clip, wait):
    process = command("plan", clip)
    time.sleep(0.15 + wait)  # Python itself takes as long, and has a traceback of its own
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode in (130, 0, -2)
    if process.returncode == 130:
        assert error.count("\n") == 1, error
        assert "interrupted" in error
    assert "Traceback" not in error


def test_a_reader_that_goes_away_ends_nothing(tmp_path, clip, quick_flags):
    """As `| head -1` does."""
    output = tmp_path / "out.mp4"
    process = command(clip, "-o", output, *quick_flags, "--progress", "plain")
    process.stdout.close()
    process.stderr.close()
    assert process.wait(60) == 0
    assert probe(output).times.frames == 6


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_standard_streams_are_told_and_the_clip_is_there(tmp_path, clip, quick_flags):
    output = tmp_path / "out.mp4"
    with Path("/dev/full").open("w") as full:
        process = command(clip, "-o", output, *quick_flags, stdout=full)
        error = process.communicate(timeout=60)[1]
        assert process.returncode == 4
        assert "standard output cannot be written (No space left on device)" in error
        assert probe(output).times.frames == 6
        silent = command(
            clip, "-o", output, *quick_flags, "--overwrite", "--progress", "plain", stderr=full
        )
        assert silent.wait(60) == 0


def test_closed_standard_streams_are_no_place_for_others(tmp_path, clip, quick_flags):
    output = tmp_path / "out.mp4"
    line = shlex.join([sys.executable, "-m", "mnst_video", str(clip), "-o", str(output)])
    done = subprocess.run(f"{line} {shlex.join(quick_flags)} >&- 2>&-", shell=True, timeout=60)
    assert done.returncode == 0
    assert probe(output).times.frames == 6
