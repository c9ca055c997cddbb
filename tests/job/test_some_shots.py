"""Several runs that paint the shots of one clip: nothing is painted twice, and nothing differs."""

import json
import subprocess
import sys
import time

import pytest

from mnst_video.errors import UsageError
from mnst_video.job.events import FrameDone
from mnst_video.job.folder import shot_held
from mnst_video.job.render import paint_shots_alone, render
from mnst_video.options import Options
from mnst_video.plan.plan import Plan

CUTS = "0.125,0.25,0.375"  # of 12 frames at 24 a second: four shots of three


@pytest.fixture
def source(make_clip):
    return make_clip(frames=12)


@pytest.fixture
def options(quick):
    return Options(**{**quick().model_dump(exclude_unset=True), "cuts": CUTS})


def pngs(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_shots_of_several_runs_are_those_of_one(tmp_path, source, options):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    render(source, tmp_path / "a.mp4", options, frames_dir=whole)
    events = []
    done = paint_shots_alone(source, shared, {2, 3}, options, observe=events.append)
    assert (done.shots, done.frames, done.reused) == ((2, 3), 6, 0)
    plan = next(event for event in events if isinstance(event, Plan))
    assert (plan.frames, plan.pending) == (6, tuple(range(3, 9)))
    assert [e.done for e in events if isinstance(e, FrameDone)] == list(range(1, 7))
    again = paint_shots_alone(source, shared, {1, 2}, options)
    assert (again.shots, again.frames, again.reused) == ((1, 2), 6, 3)
    assert len(pngs(shared)) == 9
    last = render(source, tmp_path / "b.mp4", options, frames_dir=shared)
    assert (last.frames, last.reused) == (12, 9)
    assert pngs(shared) == pngs(whole)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    # What is known of all frames is in one log again.
    assert sorted(path.name for path in shared.iterdir() if path.suffix != ".png") == sorted(
        path.name for path in whole.iterdir() if path.suffix != ".png"
    )


def test_a_shot_is_one_runs_at_a_time(tmp_path, source, options):
    folder = tmp_path / "frames"
    paint_shots_alone(source, folder, {1}, options)
    with shot_held(folder, 1):
        for work in (
            lambda: paint_shots_alone(source, folder, {1, 2}, options),
            lambda: render(source, tmp_path / "out.mp4", options, frames_dir=folder),
        ):
            with pytest.raises(UsageError, match="frames: shot 2: another mnst-video is at work"):
                work()
        assert paint_shots_alone(source, folder, {3}, options).frames == 3
    assert render(source, tmp_path / "out.mp4", options, frames_dir=folder).reused == 6


def test_a_shot_that_was_damaged_is_painted_again(tmp_path, source, options):
    folder = tmp_path / "frames"
    paint_shots_alone(source, folder, {1, 2}, options)
    before = pngs(folder)
    (folder / "000004.png").write_bytes(b"torn")
    with (folder / "frames-0002.jsonl").open("a") as file:
        file.write('{"frame": 5, "sha')
    done = paint_shots_alone(source, folder, {2}, options)
    assert (done.frames, done.reused) == (3, 1)
    assert pngs(folder) == before


def test_what_does_not_fit_is_told(tmp_path, source, options):
    folder = tmp_path / "frames"
    with pytest.raises(UsageError, match="--shots 5: the clip has the shots 1 to 4"):
        paint_shots_alone(source, folder, {4, 5, 9}, options)
    paint_shots_alone(source, folder, {1}, options)
    other = options.model_copy(update={"content_weight": 0.7})
    with pytest.raises(UsageError, match="content_weight"):
        paint_shots_alone(source, folder, {2}, other)


def test_runs_at_once_and_one_that_was_killed(tmp_path, source, options, quick_flags):
    """Three processes on one folder; one is killed in its middle and started again."""
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    flags = [flag if flag != "none" else CUTS for flag in quick_flags]

    def start(*arguments):
        command = [sys.executable, "-m", "mnst_video", source, *flags, *arguments]
        return subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ended(process):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    slow = start("--shots", "1-2", "--frames-dir", shared, "--progress", "json")
    for line in slow.stderr:
        if json.loads(line)["event"] == "frame":
            break
    slow.kill()
    slow.communicate()
    runs = [start("--shots", text, "--frames-dir", shared) for text in ("1-2", "3", "4")]
    outs = [ended(run) for run in runs]
    assert f"{shared}: shots 1, 2, 6 frames" in outs[0]
    assert f"{shared}: shot 3, 3 frames, in " in outs[1]
    encoded = ended(start("--frames-dir", shared, "-o", tmp_path / "b.mp4"))
    assert "12 frames, 12 of them from before" in encoded
    render(source, tmp_path / "a.mp4", options, frames_dir=whole)
    assert pngs(shared) == pngs(whole)
    assert not list(shared.glob("*.lock"))


def test_runs_wait_for_the_one_that_looks_at_the_clip(tmp_path, source, options):
    """They begin together in an empty folder."""
    command = (
        "import sys, time; from pathlib import Path; from mnst_video.job.folder import held\n"
        f"with held(Path({str(tmp_path / 'frames')!r}), True, 9.0):\n"
        "    print('here', flush=True); time.sleep(1.5)"
    )
    other = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"here\n"
        begun = time.monotonic()
        assert paint_shots_alone(source, tmp_path / "frames", {1}, options).frames == 3
        assert time.monotonic() - begun > 1.0
    finally:
        other.kill()
        other.communicate()
