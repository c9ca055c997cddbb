"""What runs on a worker of a cluster. It needs the package, torch and the weights, and no clip."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from distributed import get_worker

from mnst_video.job.chunk import Chunk, Painted, paint_chunk
from mnst_video.job.events import StepDone
from mnst_video.job.facts import Facts
from mnst_video.job.processes import devices_of
from mnst_video.media.frames import Frame
from mnst_video.painting.brief import Brief
from mnst_video.painting.machine import load_network, memory_errors
from mnst_video.painting.palette import Palette
from mnst_video.painting.settings import Machine
from mnst_video.painting.styles import Calibrations, Styles


@dataclass(frozen=True)
class Done:
    """What comes back of a chunk. waited: seconds until a device was free and ready."""

    painted: tuple[Painted, ...]
    waited: float


@dataclass(frozen=True)
class Report:
    """What a worker says of itself; devices: each paints a chunk at a time."""

    facts: Facts
    devices: tuple[str, ...]


class Unwanted(Exception):
    """Nobody waits for this any more: the client has gone, or has given it to somebody else."""


# The devices of this process that are at work. Threads and memory are a process's, so a worker with
# many threads paints one chunk with all of them, not many with one each.
_busy: set[str] = set()
_changed = threading.Condition()
# What was made of a brief, on each device. Dask keeps a brief as long as somebody needs it.
_made: WeakKeyDictionary[Brief, dict[str, Styles]] = WeakKeyDictionary()


def examine(machine: Machine) -> Report:
    """What this worker has. Raises MachineError or UsageError where it cannot paint."""
    with own_device(machine) as own:
        return Report(Facts.of(load_network(own)), tuple(devices_of(_own(machine))))


def measure(
    brief: Brief, machine: Machine, palette: Palette | None, frames: Sequence[Frame]
) -> Calibrations:
    """The calibrations of frames, as a render on this machine alone would find them."""
    with own_device(machine) as own, memory_errors(own):
        return _styles(brief, own).in_colors(palette).calibrate(frames)


def paint(brief: Brief, machine: Machine, chunk: Chunk, before: Painted | Done | None) -> Done:
    """Paint a chunk. before: the frame before, or the chunk that it is the last of."""
    if isinstance(before, Done):
        before = before.painted[-1]
    begun, wanted = time.monotonic(), _wanted()

    def check(_: StepDone | None = None) -> None:
        if not wanted():
            raise Unwanted

    with own_device(machine) as own, memory_errors(own):
        check()
        styles = _styles(brief, own)
        waited = time.monotonic() - begun
        return Done(tuple(paint_chunk(styles, chunk, before, check)), waited)


def _wanted() -> Callable[[], bool]:
    """Whether somebody waits for the task of this thread, which Dask does not stop."""
    worker = get_worker()
    key, tasks = worker.get_current_task(), worker.state.tasks

    def wanted() -> bool:
        task = tasks.get(key)
        return task is not None and task.state == "executing"

    return wanted


def _styles(brief: Brief, machine: Machine) -> Styles:
    network_of = _made.setdefault(brief, {})
    if machine.device not in network_of:
        network_of[machine.device] = brief.styles(load_network(machine))
    # Each task may have a thread of its own, and threads of torch are a thread's.
    torch.set_num_threads(machine.threads or 1)
    return network_of[machine.device]


def _own(machine: Machine) -> Machine:
    """The machine with the threads of this worker, where none are asked for."""
    return replace(machine, threads=machine.threads or get_worker().state.nthreads)


@contextmanager
def own_device(machine: Machine) -> Iterator[Machine]:
    """A device of this worker, which is this task's alone while the block lasts."""
    own = _own(machine)
    names = devices_of(own)
    with _changed:
        while not (free := [name for name in names if name not in _busy]):
            _changed.wait()
        _busy.add(free[0])
    try:
        yield replace(own, device=free[0])
    finally:
        with _changed:
            _busy.remove(free[0])
            _changed.notify_all()
