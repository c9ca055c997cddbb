"""Whatever goes wrong: a line, the exit code, no broken file, and it goes on to the same bytes."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import psutil
import pytest

from mnst_video.errors import DivergedError, InputError, MachineError, UsageError
from mnst_video.job.events import Encoding, FrameDone
from mnst_video.job.lock import alone
from mnst_video.job.preview import render_preview
from mnst_video.job.render import render
from mnst_video.media import files, images
from mnst_video.media.images import save_image
from mnst_video.media.input.probe import probe
from mnst_video.media.output.encode import open_encoder
from mnst_video.painting import frame as painting

resource = pytest.importorskip("resource")  # Unix has it, with the signals and limits used here

# Runs the command line, under a limit once everything is loaded.
RUN = """
import resource, sys
from mnst_video.cli import main as cli
from mnst_video.job import render as job
from mnst_video.job import unchanged
from mnst_video.painting import frame as painting
kind, extra = sys.argv.pop(1), int(sys.argv.pop(1))
if kind == "RLIMIT_AS":
    extra += 4096 * int(open("/proc/self/statm").read().split()[0])
if kind != "none":
    resource.setrlimit(getattr(resource, kind), (extra, extra))
cli.main()
"""


@pytest.fixture
def start(quick_flags):
    """Starts a render as a process: its handle, which is killed in the end."""
    started = []

    def begin(source, output, *more, limit=("none", 0), **environment):
        arguments = [str(source), "-o", str(output), "--progress", "none", *quick_flags]
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, *map(str, limit), *arguments, *map(str, more)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment},
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def outcome(process):
    """The exit code and the one line of a run that failed."""
    error = process.communicate(timeout=60)[1]
    assert error.count("\n") == 1, error
    return process.returncode, error


def until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.005)


def name_of(process):
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def gone(processes):
    """Whether none of them runs; a zombie is one that nobody has asked after."""

    def runs(process):
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return not any(map(runs, processes))


def folder_of(output):
    return output.with_name(f"{output.name}.mnst")


def pngs(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def stop_after(frames):
    def observe(event):
        if isinstance(event, FrameDone) and event.done == frames:
            raise KeyboardInterrupt

    return observe


@pytest.fixture
def undisturbed(tmp_path):
    """Checks that a render goes on to the frames and the clip that it has without any trouble."""

    def check(source, output, options, least=0, **settings):
        whole = tmp_path / "whole" / output.name
        whole.parent.mkdir()
        render(source, whole, options, keep_frames=True)
        report = render(source, output, options, keep_frames=True, **settings)
        assert report.reused >= least
        assert pngs(report.kept) == pngs(folder_of(whole))
        assert output.read_bytes() == whole.read_bytes()
        assert not [name for name in hidden(output.parent) if name.startswith(f".{output.stem}")]
        assert hidden(report.kept) == []
        assert not (report.kept / "job.lock").exists()

    return check


@pytest.fixture
def deep_clip(make_clip):
    """10 frames of more than 8 bits, which OpenCV does not decode."""
    clip = make_clip(frames=10, extra=("-pix_fmt", "yuv422p10le"))
    assert not probe(clip).decoding.opencv
    return clip


@pytest.fixture
def encoder(tmp_path):
    """Makes a script that stands for ffmpeg and does something of its own before it encodes."""

    def make(before):
        script = tmp_path / "ffmpeg.sh"
        real = imageio_ffmpeg.get_ffmpeg_exe()
        script.write_text(
            f'#!/bin/sh\nreal="{real}"\n'
            f'case "$*" in *pipe:0*) {before} ;; esac\nexec "$real" "$@"\n'
        )
        script.chmod(0o755)
        return {"IMAGEIO_FFMPEG_EXE": str(script)}

    return make


# Killed


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("jobs", signal.SIGKILL),
        ("jobs", signal.SIGTERM),
        ("encoding", signal.SIGKILL),
        ("encoding", signal.SIGINT),
    ],
)
def test_nobody_outlives_a_run_and_the_next_one_goes_on(
    tmp_path, deep_clip, quick, start, encoder, undisturbed, moment, number
):
    output, marker = tmp_path / "out.mp4", tmp_path / "encoding"
    jobs = ("--jobs", "2") if moment == "jobs" else ()
    slow = encoder(f"touch '{marker}'; sleep 1.5")
    # As slow as it takes to be hit in the middle.
    options = quick(cuts="0.2", steps=6, settled=0.0)
    preset = tmp_path / "slow.toml"
    preset.write_text("settled = 0.0\n")
    more = ("--cuts", "0.2", "--steps", "6", "--preset", preset, "--keep-frames", *jobs)
    run = start(deep_clip, output, *more, **slow)

    if moment == "encoding":
        until(marker.exists, "the encoder")
    else:
        until(lambda: len(pngs(folder_of(output))) >= 3, "a frame")
    family = psutil.Process(run.pid).children(recursive=True)
    names = [name_of(child) for child in family]
    others = [child for child, name in zip(family, names, strict=True) if "python" in name]
    if moment == "jobs":
        assert len(others) >= 2, names
    else:
        assert any("ffmpeg" in name for name in names), names
    run.send_signal(number)
    error = run.communicate(timeout=60)[1]
    expected = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert run.returncode == expected, error
    assert error.count("\n") == (number != signal.SIGKILL)
    assert not output.exists()
    left = len(pngs(folder_of(output)))
    assert left == 10 if moment == "encoding" else 3 <= left < 10
    # Before the next run begins: they would write where it does.
    until(lambda: gone(others), "the end of the jobs", 3)
    undisturbed(deep_clip, output, options, least=left - 2)
    until(lambda: gone(family), "the end of all children", 10)


def test_jobs_end_with_a_parent_that_is_killed_while_they_say_nothing(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from mnst_video.job.processes import run\n"
        "def sleep(part, tell):\n"
        "    tell(part)\n"
        "    time.sleep(600)\n"
        'if __name__ == "__main__":\n'
        "    run(sleep, [1, 2], lambda part: print(part, flush=True))\n"
    )
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    with process.stdout:
        assert sorted(process.stdout.readline() for _ in range(2)) == ["1\n", "2\n"]
    jobs = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert len(jobs) >= 2
    try:
        until(lambda: gone(jobs), "the end of the jobs", 5)
    finally:
        for job in jobs:
            with contextlib.suppress(psutil.NoSuchProcess):
                job.kill()


def test_an_ffmpeg_that_is_killed_in_the_middle_is_named(
    tmp_path, make_clip, quick, monkeypatch, encoder, undisturbed
):
    source, output = make_clip(), tmp_path / "out.mp4"
    with monkeypatch.context() as patch:
        environment = encoder("head -c 3000 >/dev/null; kill -9 $$")
        patch.setenv("IMAGEIO_FFMPEG_EXE", environment["IMAGEIO_FFMPEG_EXE"])
        with pytest.raises(MachineError, match=r"ended from outside: Killed.*frames are kept"):
            render(source, output, quick())
    assert not output.exists()
    assert hidden(tmp_path) == []
    undisturbed(source, output, quick(), least=6)


def test_an_orphan_cannot_write_into_the_next_clip(tmp_path, clip):
    """What an ffmpeg whose parent was killed still has open is not what the next one writes."""
    output = tmp_path / "out.mp4"
    partial = tmp_path / ".out.partial.mp4"
    with partial.open("wb") as orphan:
        with open_encoder(output, probe(clip), (32, 24)) as write:
            assert os.fstat(orphan.fileno()).st_nlink == 0  # it has no name any more
            for _ in range(6):
                write(np.zeros((24, 32, 3), np.uint8))
        assert probe(output).times.frames == 6


# Full and forbidden disks


def test_a_frame_that_cannot_be_written_ends_the_run(tmp_path, clip, quick, start, undisturbed):
    output = tmp_path / "out.mp4"
    options = quick(max_side=64)
    with pytest.raises(KeyboardInterrupt):
        render(clip, output, options, observe=stop_after(2))
    before = pngs(folder_of(output))
    limit = min(map(len, before.values())) - 500
    assert limit > (folder_of(output) / "job.json").stat().st_size
    run = start(clip, output, "--max-side", "64", limit=("RLIMIT_FSIZE", limit))
    code, error = outcome(run)
    assert code == 4
    assert "000002.png: cannot be written (File too large)" in error
    assert "give the same command again" in error
    assert pngs(folder_of(output)) == before
    assert not output.exists()
    assert hidden(folder_of(output)) == []
    undisturbed(clip, output, options, least=2)


def test_a_clip_that_cannot_be_written_ends_the_run(tmp_path, clip, quick, start, undisturbed):
    output = tmp_path / "out.mp4"
    size = ("--output-size", "640x480")
    run = start(clip, output, *size, limit=("RLIMIT_FSIZE", 20_000))
    code, error = outcome(run)
    assert code == 4
    assert "out.mp4: ffmpeg failed" in error
    assert "ile" in error.split("ffmpeg failed")[1]
    assert "all frames are kept: once that is mended, the same command goes on" in error
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.mp4.mnst"]
    assert hidden(tmp_path) == []
    undisturbed(clip, output, quick(output_size=(640, 480)), least=6)


@pytest.mark.parametrize(("which", "kept"), [("job.json", 0), ("000003.png", 3)])
def test_a_full_disk_is_told_and_nothing_is_lost(
    tmp_path, clip, quick, monkeypatch, undisturbed, which, kept
):
    output = tmp_path / "out.mp4"

    def full(descriptor):
        if which in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs Linux")
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(MachineError, match=rf"{which}: .*No space left.*make room"):
            render(clip, output, quick())
    assert not output.exists()
    if kept:
        assert len(pngs(folder_of(output))) == kept
        assert hidden(folder_of(output)) == []
    else:  # nothing was begun
        assert not folder_of(output).exists()
    undisturbed(clip, output, quick(), least=kept)


def test_a_log_that_cannot_be_written_ends_the_run(tmp_path, clip, quick, undisturbed):
    output, log = tmp_path / "out.mp4", folder_of(tmp_path / "out.mp4") / "frames.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def observe(event):
        if isinstance(event, FrameDone) and event.done == 2:
            with log.open("a") as file:
                file.write("\n" * 50_000)  # larger than any frame
            resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 10, hard))

    try:
        with pytest.raises(MachineError, match=r"frames\.jsonl: cannot be written .*ulimit"):
            render(clip, output, quick(), observe=observe)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not output.exists()
    undisturbed(clip, output, quick(), least=2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, clip, quick):
    frames = tmp_path / "frames"
    frames.mkdir()
    frames.chmod(0o500)
    with pytest.raises(MachineError, match=r"frames/job\.lock: cannot be written.*writable"):
        render(clip, tmp_path / "out.mp4", quick(), frames_dir=frames)
    assert list(frames.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path, clip, quick):
    with pytest.raises(MachineError, match="cannot be made"):
        render(clip, tmp_path / "out.mp4", quick(), frames_dir=clip / "frames")
    assert hidden(tmp_path) == []


# Memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_out_of_memory_is_a_line_with_a_size_that_fits(tmp_path, make_clip, start, quick):
    source, output = make_clip(frames=2, size=(640, 480)), tmp_path / "out.mp4"
    code, error = outcome(start(source, output, "--max-side", 640, limit=("RLIMIT_AS", 300 << 20)))
    assert code == 4, error
    assert "out of memory" in error
    assert "give --max-side" in error
    assert not output.exists()
    assert render(source, output, quick()).frames == 2


def test_no_memory_for_a_style_is_not_the_pictures_fault(tmp_path, clip, quick, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(images.ImageOps, "exif_transpose", fail)
    with pytest.raises(MachineError, match=r"noise\.png: no memory"):
        render(clip, tmp_path / "out.mp4", quick())


# Losses that are not finite


def test_a_frame_that_diverges_stops_the_job_and_is_never_written(
    tmp_path, clip, quick, monkeypatch, undisturbed
):
    output, calls, real = tmp_path / "out.mp4", count(), painting.minimize

    def diverge(*arguments, **settings):
        if next(calls) == 3:
            raise DivergedError("the loss is not finite")
        return real(*arguments, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(painting, "minimize", diverge)
        with pytest.raises(DivergedError, match="frame 3: the loss") as caught:
            render(clip, output, quick())
    assert caught.value.exit_code == 5
    assert list(pngs(folder_of(output))) == ["000000.png", "000001.png", "000002.png"]
    assert not output.exists()
    undisturbed(clip, output, quick(), least=3)


# Two at once


def test_the_second_of_two_runs_is_refused_and_the_first_not_disturbed(
    tmp_path, make_clip, quick, start, undisturbed
):
    source, output = make_clip(frames=16), tmp_path / "out.mp4"
    run = start(source, output, "--keep-frames")
    until(lambda: len(pngs(folder_of(output))) >= 2, "a frame")
    run.send_signal(signal.SIGSTOP)
    before = {path: path.read_bytes() for path in folder_of(output).iterdir()}
    with pytest.raises(UsageError, match=r"out\.mp4: another mnst-video .* another --output"):
        render(source, output, quick())
    with pytest.raises(UsageError, match="another --output"):
        render(source, output, quick(), frames_dir=tmp_path / "frames", restart=True)
    with pytest.raises(UsageError, match="another --output"):
        render_preview(source, output, quick(), overwrite=True)
    with pytest.raises(UsageError, match=r"out\.mp4\.mnst: another .* another --frames-dir"):
        render(source, tmp_path / "o.mp4", quick(), frames_dir=folder_of(output))
    assert {path: path.read_bytes() for path in folder_of(output).iterdir()} == before
    assert not (tmp_path / "frames").exists()
    run.send_signal(signal.SIGCONT)
    assert run.communicate(timeout=60)[1] == ""
    assert run.returncode == 0
    written = output.read_bytes()
    undisturbed(source, output, quick(), least=16, overwrite=True)
    assert output.read_bytes() == written


def test_of_two_runs_that_start_at_once_one_is_refused(tmp_path, make_clip, start):
    source, output = make_clip(frames=12), tmp_path / "out.mp4"
    runs = [start(source, output, "--steps", "4") for _ in range(2)]
    errors = [run.communicate(timeout=60)[1] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 2], errors
    assert sum(error.count("\n") for error in errors) == 1
    assert probe(output).times.frames == 12


def test_a_lock_is_for_one_and_goes_with_its_holder(tmp_path):
    lock = tmp_path / "lock"
    with alone(lock, tmp_path, "--output"):
        with pytest.raises(UsageError, match="--output"), alone(lock, tmp_path, "--output"):
            pytest.fail("two at once")
        assert lock.exists()
    assert not lock.exists()
    lock.touch()  # one that a killed process left
    with alone(lock, tmp_path, "--output"):
        pass
    lock.touch()
    with (
        pytest.raises(MachineError, match="cannot be written"),
        alone(lock / "inside_a_file", tmp_path, "--output"),
    ):
        pytest.fail("there is no such place")


def test_folders_in_which_nothing_was_begun_do_not_stay(tmp_path, clip, quick, monkeypatch):
    mine, new = tmp_path / "mine", tmp_path / "new"
    mine.mkdir()

    def fail(*_):
        raise InputError("the clip is damaged")

    monkeypatch.setattr("mnst_video.job.resume.analyse", fail)
    for frames_dir in (None, mine, new):
        with pytest.raises(InputError):
            render(clip, tmp_path / "out.mp4", quick(), frames_dir=frames_dir)
    assert list(mine.iterdir()) == []  # it was there before
    assert not new.exists()
    assert not folder_of(tmp_path / "out.mp4").exists()


# The input


@pytest.fixture
def sequence(tmp_path, texture):
    folder = tmp_path / "sequence"
    folder.mkdir()
    for number in range(4):
        save_image(texture(32, 24, number), folder / f"{number:03d}.png")
    return folder


@pytest.fixture(params=["clip", "sequence"])
def source(request, clip, sequence):
    """An input, and one of its files."""
    if request.param == "clip":
        return clip, clip
    return sequence, sequence / "003.png"


def at(moment, act):
    """An observer that acts after the second frame, or before encoding."""

    def observe(event):
        if isinstance(event, Encoding) if moment == "encoding" else getattr(event, "done", 0) == 2:
            act()

    return observe


@pytest.mark.parametrize("moment", ["painting", "encoding"])
def test_an_input_that_changes_during_a_run_stops_it(tmp_path, source, quick, undisturbed, moment):
    source, file = source
    output, kept = tmp_path / "out.mp4", tmp_path / "kept"
    shutil.copy2(file, kept)

    def change():
        file.write_bytes(kept.read_bytes() + b"more")

    with pytest.raises(InputError, match=rf"{file.name}: has changed .*--restart"):
        render(source, output, quick(), observe=at(moment, change))
    assert not output.exists()
    # As it is now it is another input; as it was, the same command goes on.
    with pytest.raises(UsageError, match="input: another file"):
        render(source, output, quick())
    shutil.copy2(kept, file)
    undisturbed(source, output, quick(), least=2)


def test_what_was_painted_from_a_changed_input_is_not_used(tmp_path, sequence, quick, undisturbed):
    """It was decoded before the change was noticed."""
    output, file = tmp_path / "out.mp4", sequence / "002.png"
    kept = file.read_bytes()

    def observe(event):
        if isinstance(event, FrameDone) and event.done == 2:
            shutil.copy(sequence / "000.png", file)

    with pytest.raises(InputError, match="has changed"):
        render(sequence, output, quick(), observe=observe)
    assert len(pngs(folder_of(output))) == 2
    file.write_bytes(kept)
    undisturbed(sequence, output, quick(), least=2)


@pytest.mark.parametrize("moment", ["painting", "encoding"])
def test_an_input_that_vanishes_stops_the_run(tmp_path, source, quick, undisturbed, moment):
    source, file = source
    output, away = tmp_path / "out.mp4", tmp_path / "away"
    with pytest.raises(InputError, match=rf"{file.name}: is gone; bring it back"):
        render(source, output, quick(), observe=at(moment, lambda: file.rename(away)))
    frames = pngs(folder_of(output))
    if not source.is_dir():
        with pytest.raises(InputError, match="there is no such file"):
            render(source, output, quick())
    else:
        with pytest.raises(UsageError, match=r"frames: 0 to 3 → 0 to 2"):
            render(source, output, quick())
    assert pngs(folder_of(output)) == frames
    away.rename(file)
    undisturbed(source, output, quick(), least=2)


def test_an_input_that_is_only_touched_does_not_stop_the_run(tmp_path, clip, quick):
    output = tmp_path / "out.mp4"
    report = render(clip, output, quick(), observe=at("painting", lambda: os.utime(clip, (1, 1))))
    assert report.frames == 6


def test_styles_are_read_once(tmp_path, clip, quick, styles):
    """Also for several jobs: what becomes of the files then does not matter."""

    def change():
        styles[0].write_bytes(styles[1].read_bytes())

    kept, made = styles[0].read_bytes(), []
    for jobs in (1, 2):
        output = tmp_path / f"{jobs}.mp4"
        options = quick(cuts="0.125")
        render(clip, output, options, jobs=jobs, keep_frames=True, observe=at("painting", change))
        made.append(pngs(folder_of(output)))
        styles[0].write_bytes(kept)
    assert made[0] == made[1]
