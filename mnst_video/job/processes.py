"""Several jobs at once on one machine: parts of a work in processes of their own."""

import math
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import torch

from mnst_video.errors import MachineError, MnstError
from mnst_video.method.device import cores, pick_device, pick_precision, pixels_at_once
from mnst_video.painting.settings import Machine

Tell = Callable[[Any], None]
# What is done with a task.
Work = Callable[[Any, Tell], None]


def share(machine: Machine, jobs: int) -> Machine:
    """What each of `jobs` jobs has of a machine: its part of the threads and of the memory."""
    if jobs == 1:
        return machine
    device = pick_device(machine.device)
    most = pixels_at_once(device, pick_precision(machine.precision, device))
    at_once = math.ceil(jobs / len(devices_of(machine)))
    return replace(
        machine,
        threads=machine.threads or max(1, cores() // jobs),
        tile=machine.tile or most / at_once / 1e6,
    )


def on_device(machine: Machine, job: int) -> Machine:
    """The machine of job number `job`: where there are several GPUs, each has one in turn."""
    names = devices_of(machine)
    return machine if len(names) == 1 else replace(machine, device=names[job % len(names)])


def devices_of(machine: Machine) -> list[str]:
    """The names of the devices that are meant: one, or all GPUs where none is named."""
    device = pick_device(machine.device)
    if device.type == "cuda" and device.index is None:
        return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [str(device)]


def divide(sizes: Sequence[int], jobs: int) -> list[list[int]]:
    """The numbers of the `sizes` by job, so that no job has much more to do than the others.

    The largest first, each to the job with the least so far; none is left without work.
    """
    loads = [0] * min(jobs, len(sizes))
    parts: list[list[int]] = [[] for _ in loads]
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        least = loads.index(min(loads))
        loads[least] += sizes[number]
        parts[least].append(number)
    return [sorted(part) for part in parts]


class Processes:
    """Processes of this machine that work on one task after another, until they are closed.

    What goes wrong in one of them ends all.
    """

    def __init__(self, works: Sequence[Work]) -> None:
        """works: what each does with a task, and with a function to tell what it has done.

        A work is a function of a module, or an object that can be pickled, as tasks and what is
        told can be.
        """
        context = multiprocessing.get_context("spawn")
        self._processes: list[SpawnProcess] = []
        self._pipes: list[Connection] = []
        self.idle = set(range(len(works)))
        with _interrupts_ignored():
            for work in works:
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(work, theirs), daemon=True)
                process.start()
                theirs.close()
                self._processes.append(process)
                self._pipes.append(ours)

    def close(self) -> None:
        """End them all."""
        for process, pipe in zip(self._processes, self._pipes, strict=True):
            process.terminate()
            process.join()
            pipe.close()

    def give(self, number: int, task: object) -> None:
        """A task for a process that is idle."""
        self.idle.remove(number)
        try:
            self._pipes[number].send(task)
        except OSError:
            raise self._ended(number) from None

    def wait(self) -> Iterator[tuple[int, Any]]:
        """What processes tell, with their numbers: at least one thing, or that one is idle again.

        What one raises is raised here.
        """
        for pipe in wait(self._pipes):
            assert isinstance(pipe, Connection)
            number = self._pipes.index(pipe)
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                raise self._ended(number) from None
            if isinstance(message, Exception):
                raise message
            if message is None:
                self.idle.add(number)
            else:
                yield number, message

    def _ended(self, number: int) -> MachineError:
        """What is said of a process that is gone."""
        self._processes[number].join()
        code = self._processes[number].exitcode or 0
        if code > 0:
            return MachineError(
                f"a job did not start (exit code {code}); a script that asks for "
                'several needs: if __name__ == "__main__":'
            )
        return MachineError(
            f"a job was ended from outside (signal {-code}), perhaps for want "
            "of memory: give fewer --jobs, or a smaller --max-side"
        )


def run(work: Work, tasks: Sequence[Any], tell: Tell) -> None:
    """Do `work(task, tell)` for each task, in a process of its own where there are several.

    `tell` is called in this process. What a process raises is raised here; the others are stopped.
    """
    if len(tasks) == 1:
        work(tasks[0], tell)
        return
    with closing(Processes([work] * len(tasks))) as processes:
        for number, task in enumerate(tasks):
            processes.give(number, task)
        while len(processes.idle) < len(tasks):
            for _, message in processes.wait():
                tell(message)


def _work(work: Work, pipe: Connection) -> None:
    """What runs in a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows does not inherit it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    alone = threading.Lock()  # steps may be told from another thread than frames

    def tell(message: object) -> None:
        with alone:
            pipe.send(message)

    try:
        while True:
            work(pipe.recv(), tell)
            tell(None)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except MnstError as error:
        pipe.send(error)
    except Exception:
        last = traceback.format_exc().strip().splitlines()[-1]
        pipe.send(RuntimeError(f"{last}\n{traceback.format_exc()}"))


def _end_with_parent() -> None:
    """End at once when the parent is gone: another run may soon work in the same place."""
    if (parent := multiprocessing.parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """What is started here does not see Ctrl-C, which the terminal sends to all: we stop it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there can it be set
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
