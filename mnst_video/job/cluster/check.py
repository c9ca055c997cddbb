"""What the workers of a cluster have, and how quick they are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np

from mnst_video.job.cluster.connection import Cluster, connected
from mnst_video.job.cluster.remote import own_device
from mnst_video.job.cluster.survey import Worker, different, present, result_of, survey
from mnst_video.job.facts import versions_here
from mnst_video.options import Options
from mnst_video.painting.brief import Brief
from mnst_video.painting.machine import load_network
from mnst_video.painting.shot import stylize_shot
from mnst_video.timeline.fader import Fader

# The picture that speed is measured on, and the steps on it.
SIZE, STEPS = (256, 144), 6


@dataclass(frozen=True)
class Checked:
    """A worker, and the seconds that it takes for a step on a picture of `SIZE`."""

    worker: Worker
    seconds: float | None = None


@dataclass(frozen=True)
class Checks:
    """What was found. problem: why a render would not begin; empty: it would."""

    address: str
    workers: Sequence[Checked]
    problem: str = ""


def check(cluster: Cluster, options: Options) -> Checks:
    """Ask all workers what they have, and measure their speed, one after another.

    Raises UsageError or MachineError where there is no such cluster.
    """
    with connected(cluster) as client:
        found = []
        for worker in survey(client, options.machine, present(client)):
            seconds = None
            if not worker.problem:
                where = [worker.address]
                future = client.submit(_trial, options, workers=where, pure=False)
                seconds = result_of(client, future, where)
            found.append(Checked(worker, seconds))
        address = str(client.scheduler.address) if client.scheduler else str(cluster)
    workers = [checked.worker for checked in found]
    problems = [f"worker {worker.name}: {worker.problem}" for worker in workers if worker.problem]
    if not found:
        problems = [f"there are no workers; start some: dask worker {address}"]
    problem = problems[0] if problems else different(workers, SIZE, versions_here())
    return Checks(address, found, problem)


def _trial(options: Options) -> float:
    """Seconds of a step, on the worker that this runs on."""
    with own_device(options.machine) as machine:
        network = load_network(machine)
        rng = np.random.default_rng(0)
        picture, *styles = (rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8) for _ in range(3))
        brief = Brief(options.paint, tuple(styles), SIZE)
        painted = brief.styles(network).with_steps(STEPS)
        ends: list[float] = []
        faders = [Fader(0, 0.5)]
        calibrations = painted.calibrate([picture])

        def step_done(*_: object) -> None:
            ends.append(time.monotonic())

        list(stylize_shot(painted, calibrations, [picture], faders, callback=step_done))
        return median(b - a for a, b in pairwise(ends))
