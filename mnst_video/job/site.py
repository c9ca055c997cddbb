"""Where a render is painted: on this machine, or elsewhere."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from mnst_video.job.crew import Alone, Crew, OnStep, jobs
from mnst_video.job.facts import Facts
from mnst_video.job.processes import on_device, share
from mnst_video.options import Options
from mnst_video.plan.analysis import Measure
from mnst_video.plan.setup import Setup


class Site(Protocol):
    """Where a render is painted.

    shown: what paints, in words; empty: what `Setup` says. notes: what is odd about it.
    """

    @property
    def shown(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def at_once(self) -> int:
        """How many shots are painted at once."""

    def options(self, asked: Options) -> Options:
        """The options that this process is to prepare the render with."""

    def settings(self, setup: Setup) -> Mapping[str, Any]:
        """What of the machines decides the bytes of frames, see `Facts.settings`."""

    def measure(self, setup: Setup) -> Measure | None:
        """What measures the styles; None: this process."""

    def crew(self, setup: Setup, busy: int, on_step: OnStep) -> AbstractContextManager[Crew]:
        """Who paints, as long as the block lasts. busy: how many have work."""


class Here:
    """This machine, which paints some shots at once, each with its part of the threads."""

    shown, notes = "", ()

    def __init__(self, jobs: int) -> None:
        self.at_once = jobs

    def options(self, asked: Options) -> Options:
        return asked.on(share(asked.machine, self.at_once))

    def settings(self, setup: Setup) -> Mapping[str, Any]:
        machine = setup.asked.machine
        devices = [on_device(machine, job).device for job in range(self.at_once)]
        return Facts.of(setup.network).across(devices).settings(setup.size)

    def measure(self, setup: Setup) -> Measure | None:
        return None

    def crew(self, setup: Setup, busy: int, on_step: OnStep) -> AbstractContextManager[Crew]:
        if busy == 1:  # everything it needs is here already
            return nullcontext(Alone(setup.styles, on_step))
        return jobs(setup.brief, setup.asked.machine, busy, on_step)
