"""Several jobs at once: the same bytes, and nobody left behind."""

import json
import multiprocessing
import os
import pickle
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.errors import DivergedError, MachineError, TextError
from mnst_video.job import chunk
from mnst_video.job import processes as jobs
from mnst_video.job.events import FrameDone, StepDone
from mnst_video.job.processes import divide, on_device, run, share
from mnst_video.job.render import render
from mnst_video.media.images import save_image
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.painting import shot
from mnst_video.plan.plan import Plan
from mnst_video.stills.sheet import render_sheet


@pytest.fixture(autouse=True)
def nobody_is_left():
    yield
    assert not multiprocessing.active_children()


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30), st.integers(1, 8))
def test_work_is_divided_evenly_and_wholly(sizes, count):
    parts = divide(sizes, count)
    assert len(parts) == min(count, len(sizes))
    assert sorted(number for part in parts for number in part) == list(range(len(sizes)))
    assert all(part == sorted(part) and part for part in parts)
    loads = [sum(sizes[number] for number in part) for part in parts]
    assert max(loads) - min(loads) <= max(sizes)


def double(numbers, tell):
    for number in numbers:
        tell(2 * number)


def diverge(_, tell):
    tell("begun")
    raise DivergedError("the loss is not finite")


def stumble(part, _):
    raise KeyError(part)


def die(_, tell):
    tell("begun")
    os.kill(os.getpid(), signal.SIGKILL)


def say_forever(_, tell):
    while True:
        tell(os.getpid())


@pytest.mark.parametrize("count", [1, 2])
def test_parts_tell_what_they_have_done(count):
    told = []
    run(double, [range(i, 9, count) for i in range(count)], told.append)
    assert sorted(told) == [2 * number for number in range(9)]


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (diverge, DivergedError, "the loss is not finite"),
        (stumble, RuntimeError, "KeyError: '(one|two)'"),
        (die, MachineError, "ended from outside"),
    ],
)
def test_what_goes_wrong_in_a_job_is_raised_and_ends_the_others(work, error, message):
    with pytest.raises(error, match=message):
        run(work, ["one", "two"], lambda _: None)


def test_errors_come_through_a_pipe_as_they_are():
    error = TextError("0=0, 1=two", 5, 10, "two is no number")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (TextError, str(error))


def test_jobs_end_with_who_listens():
    pids = set()

    def tell(pid):
        pids.add(pid)
        if len(pids) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(say_forever, ["one", "two"], tell)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_jobs_share_threads_and_memory(monkeypatch):
    monkeypatch.setattr(jobs, "cores", lambda: 8)
    monkeypatch.setattr(jobs, "pixels_at_once", lambda *_: 6e6)
    assert share(Options().machine, 1) == Options().machine
    shared = share(Options(device="cpu").machine, 3)
    assert (shared.threads, shared.tile) == (2, 2.0)
    shared = share(Options(device="cpu", threads=5, tile=0.5).machine, 3)
    assert (shared.threads, shared.tile) == (5, 0.5)
    assert share(Options(device="cpu").machine, 99).threads == 1


def test_each_job_has_a_gpu_where_there_are_several(monkeypatch):
    monkeypatch.setattr(jobs, "pick_device", torch.device)
    monkeypatch.setattr(jobs, "pick_precision", lambda *_: torch.bfloat16)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    machine = Options(device="cuda").machine
    assert [on_device(machine, job).device for job in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert on_device(Options(device="cuda:1").machine, 0).device == "cuda:1"
    monkeypatch.setattr(jobs, "pixels_at_once", lambda *_: 6e6)
    assert share(machine, 4).tile == 3.0  # two jobs on each


@pytest.fixture
def three_shots(make_clip):
    """A clip of 8 frames; `cuts` cuts it into 3, 3 and 2."""
    return make_clip(frames=8)


def painted(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.png"))}


def test_jobs_paint_the_same_bytes(tmp_path, three_shots, quick):
    options, events = quick(cuts="0.125,0.25"), []
    one = render(three_shots, tmp_path / "one.mp4", options, keep_frames=True)
    two = render(
        three_shots, tmp_path / "two.mp4", options, keep_frames=True, jobs=2, observe=events.append
    )
    assert painted(two.kept) == painted(one.kept)
    done = [event for event in events if isinstance(event, FrameDone)]
    assert [event.done for event in done] == list(range(1, 9))
    assert {event.frame for event in done} == set(range(8))
    assert {event.frame: event.shot for event in done}[7] == 2
    assert probe(two.output).times.frames == 8
    # One went on where several had stopped is the same job: nothing is done again.
    again = render(three_shots, tmp_path / "two.mp4", options, keep_frames=True, overwrite=True)
    assert again.reused == 8


def test_work_beside_a_gpu_paints_the_same_bytes(tmp_path, three_shots, quick, monkeypatch):
    """As where a GPU leaves the cores idle: flow, reading and writing in threads of their own."""
    options, orders = quick(cuts="0.125"), []
    plain = render(three_shots, tmp_path / "plain.mp4", options, keep_frames=True)
    for module in (shot, chunk):
        monkeypatch.setattr(module, "leaves_cores_idle", lambda _: True)
    report = render(
        three_shots, tmp_path / "o.mp4", options, keep_frames=True, observe=orders.append
    )
    assert painted(report.kept) == painted(plain.kept)
    done = [event.frame for event in orders if isinstance(event, FrameDone)]
    assert done == list(range(8))
    steps = [event.frame for event in orders if isinstance(event, StepDone)]
    assert steps == sorted(steps)

    def stop(event):
        if isinstance(event, FrameDone) and event.done == 3:
            raise KeyboardInterrupt

    output = tmp_path / "stopped.mp4"
    with pytest.raises(KeyboardInterrupt):
        render(three_shots, output, options, observe=stop)
    again = render(three_shots, output, options, keep_frames=True)
    assert 3 <= again.reused < 8
    assert painted(again.kept) == painted(plain.kept)


@pytest.mark.parametrize("then", [1, 2])
def test_several_jobs_that_were_stopped_go_on_to_the_same_bytes(tmp_path, three_shots, quick, then):
    options = quick(cuts="0.125,0.25")
    whole = render(three_shots, tmp_path / "whole.mp4", options, keep_frames=True)

    def stop(event):
        if isinstance(event, FrameDone) and event.done == 3:
            raise KeyboardInterrupt

    output = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        render(three_shots, output, options, jobs=2, observe=stop)
    assert not output.exists()
    report = render(three_shots, output, options, jobs=then, keep_frames=True)
    assert report.reused >= 2
    assert painted(report.kept) == painted(whole.kept)


def test_jobs_without_work_are_said(tmp_path, make_clip, quick):
    events = []
    render(make_clip(frames=2), tmp_path / "o.mp4", quick(), jobs=2, observe=events.append)
    (plan,) = (event for event in events if isinstance(event, Plan))
    assert any(note.startswith("1 of 2 jobs have work") for note in plan.notes)
    assert plan.busy == 1


def test_the_record_has_the_threads_that_were_asked_for(tmp_path, make_clip, quick):
    """Those of a job are this machine's share, and would slow down a render from the record."""
    output = tmp_path / "o.mp4"
    render(make_clip(frames=2), output, quick(threads=None), jobs=2)
    options = json.loads((tmp_path / "o.mp4.mnst.json").read_text())["options"]
    assert (options["threads"], options["tile"]) == (None, None)


def test_a_sheet_of_several_jobs_is_the_same(tmp_path, texture, quick):
    photo = tmp_path / "photo.png"
    save_image(texture(48, 32, 3), photo)
    seen, sheets = [], []
    for count in (1, 2):
        output = tmp_path / f"{count}.png"
        render_sheet(
            photo, output, quick(), pictures=3, jobs=count, observe=lambda *n: seen.append(n)
        )
        sheets.append(output.read_bytes())
    assert sheets[0] == sheets[1]
    assert seen == [(1, 3), (2, 3), (3, 3)] * 2
