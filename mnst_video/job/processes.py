"""Several jobs at once on one machine: parts of a work in processes of their own."""

import math
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

import torch

from mnst_video.errors import MachineError, MnstError
from mnst_video.method.device import cores, pick_device, pick_precision, pixels_at_once
from mnst_video.painting.settings import Machine

Part = TypeVar("Part")
Tell = Callable[[Any], None]


def share(machine: Machine, jobs: int) -> Machine:
    """What each of `jobs` jobs has of a machine: its part of the threads and of the memory."""
    if jobs == 1:
        return machine
    device = pick_device(machine.device)
    most = pixels_at_once(device, pick_precision(machine.precision, device))
    at_once = math.ceil(jobs / _devices(machine))
    return replace(
        machine,
        threads=machine.threads or max(1, cores() // jobs),
        tile=machine.tile or most / at_once / 1e6,
    )


def on_device(machine: Machine, job: int) -> Machine:
    """The machine of job number `job`: where there are several GPUs, each has one in turn."""
    if _devices(machine) == 1:
        return machine
    return replace(machine, device=f"cuda:{job % _devices(machine)}")


def _devices(machine: Machine) -> int:
    device = pick_device(machine.device)
    if device.type == "cuda" and device.index is None:
        return torch.cuda.device_count()
    return 1


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


def run(work: Callable[[Part, Tell], None], parts: Sequence[Part], tell: Tell) -> None:
    """Do `work(part, tell)` for each part, in a process of its own where there are several.

    `work` is a function of a module, parts and what it tells can be pickled; `tell` is called in
    this process. What a process raises is raised here, and the others are stopped.
    """
    if len(parts) == 1:
        work(parts[0], tell)
        return
    context = multiprocessing.get_context("spawn")
    processes: dict[Connection, SpawnProcess] = {}
    try:
        with _interrupts_ignored():
            for part in parts:
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(work, part, theirs), daemon=True)
                process.start()
                theirs.close()
                processes[ours] = process
        open_pipes = list(processes)
        while open_pipes:
            ready = wait(open_pipes)
            for pipe in [pipe for pipe in open_pipes if pipe in ready]:
                try:
                    message = pipe.recv()
                except (EOFError, OSError):
                    open_pipes.remove(pipe)
                    processes[pipe].join()
                    if code := processes[pipe].exitcode:
                        if code > 0:
                            raise MachineError(
                                f"a job did not start (exit code {code}); a script that asks for "
                                'several needs: if __name__ == "__main__":'
                            ) from None
                        raise MachineError(
                            f"a job was ended from outside (signal {-code}), perhaps for want "
                            "of memory: give fewer --jobs, or a smaller --max-side"
                        ) from None
                    continue
                if isinstance(message, Exception):
                    raise message
                tell(message)
    finally:
        for pipe, process in processes.items():
            process.terminate()
            process.join()
            pipe.close()


def _work(work: Callable[[Part, Tell], None], part: Part, pipe: Connection) -> None:
    """What runs in a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows does not inherit it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    alone = threading.Lock()  # steps may be told from another thread than frames

    def tell(message: object) -> None:
        with alone:
            pipe.send(message)

    try:
        work(part, tell)
    except (BrokenPipeError, ConnectionResetError):
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
