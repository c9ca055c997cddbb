"""A cluster as the place where a render is painted."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from typing import Any

from distributed import Client

from mnst_video.errors import MachineError, UsageError
from mnst_video.job.cluster.connection import Cluster, connected
from mnst_video.job.cluster.remote import measure
from mnst_video.job.cluster.survey import Worker, different, present, result_of, survey
from mnst_video.job.cluster.workers import Workers
from mnst_video.job.crew import Crew, OnStep
from mnst_video.job.events import Observer
from mnst_video.job.facts import versions_here
from mnst_video.media.frames import Frame
from mnst_video.options import Options
from mnst_video.painting.palette import Palette
from mnst_video.painting.styles import Calibrations
from mnst_video.plan.analysis import Measure
from mnst_video.plan.setup import Setup

# What settings say that workers do not have in common.
MIXED = "mixed"


class Away:
    """The workers of a cluster. This machine reads the clip, and writes."""

    def __init__(self, client: Client, mixed: bool, timeout: float, observe: Observer) -> None:
        """mixed: workers may be such as do not paint the same bytes. timeout: see `Workers`."""
        self._client, self._mixed = client, mixed
        self._timeout, self._observe = timeout, observe
        self._workers: Sequence[Worker] = ()
        self._machine = Options().machine

    @property
    def at_once(self) -> int:
        return sum(worker.slots for worker in self._workers)

    @property
    def shown(self) -> str:
        facts = sorted({worker.report.facts.shown for worker in self._workers if worker.report})
        return f"{len(self._workers)} workers: {', '.join(facts)}"

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._mixed:
            return ()
        return ("workers may be mixed: another render will not have the same bytes",)

    def options(self, asked: Options) -> Options:
        """Raises MachineError where there are no workers, or one of them cannot paint."""
        self._machine = asked.machine
        there = present(self._client)
        self._workers = survey(self._client, asked.machine, there)
        for worker in self._workers:
            if worker.problem and not self._mixed:
                raise MachineError(f"worker {worker.name}: {worker.problem}")
        self._workers = [worker for worker in self._workers if not worker.problem]
        if not self._workers:
            raise MachineError("the cluster has no workers; start some: dask worker ADDRESS")
        kinds = {worker.report.facts.device for worker in self._workers if worker.report}
        # What is not painted here needs no GPU here, nor the precision that one has.
        here = replace(asked.machine, device="cpu", precision="float32", threads=None, tile=None)
        options = asked.on(here)
        if options.model is not None:
            return options  # it has a size of its own
        return options.model_copy(update={"max_side": min(map(asked.side, kinds))})

    def settings(self, setup: Setup) -> Mapping[str, Any]:
        """Raises UsageError where workers would not paint the same bytes."""
        every = [worker.settings(setup.size) for worker in self._workers]
        if not self._mixed:
            if problem := different(self._workers, setup.size, versions_here()):
                raise UsageError(
                    f"{problem}: bytes would not be repeatable; make them alike, or allow it with "
                    "--mixed-workers"
                )
            return every[0]
        return {name: MIXED if name != "weights" else value for name, value in every[0].items()}

    def measure(self, setup: Setup) -> Measure | None:
        def on_a_worker(palette: Palette | None, frames: Sequence[Frame]) -> Calibrations:
            addresses = [worker.address for worker in self._workers]
            future = self._client.submit(
                measure,
                setup.brief,
                self._machine,
                palette,
                frames,
                workers=addresses,
                pure=False,
            )
            # It takes as long as it takes, and waits for a worker that is busy.
            found: Calibrations | None = result_of(self._client, future, addresses, math.inf)
            if found is None:
                raise MachineError("no worker of the cluster is left; give the same command again")
            return found

        return on_a_worker

    def crew(self, setup: Setup, busy: int, on_step: OnStep) -> AbstractContextManager[Crew]:
        workers = Workers(
            self._client,
            setup.brief,
            self._machine,
            self._workers,
            None if self._mixed else str(self._workers[0].settings(setup.size)),
            self._timeout,
            self._observe,
        )
        return closing(workers)


@contextmanager
def away(cluster: Cluster, mixed: bool, timeout: float, observe: Observer) -> Iterator[Away]:
    """A cluster, while the block lasts; see `Away`. Raises what `connected` raises."""
    with connected(cluster) as client:
        yield Away(client, mixed, timeout, observe)
