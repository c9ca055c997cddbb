"""The workers of a cluster: who they are, what they have, and whether they paint alike."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from distributed import Client, Future

from mnst_video.errors import MachineError, MnstError
from mnst_video.job.cluster.remote import Report, examine
from mnst_video.painting.settings import Machine

# Seconds that a worker may take to say what it has.
PATIENCE = 120


@dataclass(frozen=True, eq=False)
class Worker:
    """A worker. problem: why it cannot paint, else its report is there.

    gpus: that it lends by name, as a resource of Dask.
    """

    address: str
    name: str
    problem: str = ""
    report: Report | None = None
    gpus: int = 0

    @property
    def slots(self) -> int:
        """How many chunks it can paint at once."""
        if self.report is None:
            return 0
        devices = len(self.report.devices)
        on_gpus = self.report.facts.device == "cuda" and self.gpus
        return min(devices, self.gpus) if on_gpus else devices

    def settings(self, size: tuple[int, int]) -> dict[str, object]:
        """See `Facts.settings`."""
        assert self.report is not None
        return self.report.facts.settings(size)


def present(client: Client) -> dict[str, Mapping[str, Any]]:
    """What the scheduler knows of each worker that is there, by its address.

    Raises MachineError where the scheduler is gone.
    """
    gone = MachineError(
        "the scheduler of the cluster is gone; the finished frames are kept: start it again, and "
        "give the same command"
    )
    if client.status != "running":
        raise gone
    try:
        info: Mapping[str, Any] = client.scheduler_info(n_workers=-1)
    except (OSError, TimeoutError, ValueError, RuntimeError):
        raise gone from None
    workers: dict[str, Mapping[str, Any]] = dict(info["workers"])
    return workers


def survey(client: Client, machine: Machine, addresses: Iterable[str]) -> list[Worker]:
    """What workers say of themselves, in the order of their addresses.

    machine: what is asked for.
    """
    there = present(client)
    # A function of the standard library: this package may not be there, or be another.
    asked = {
        address: client.submit(version, "mnst-video", workers=[address], pure=False)
        for address in sorted(addresses)
    }
    found = [
        _answer(client, machine, address, there[address], future)
        for address, future in asked.items()
    ]
    return [worker for worker in found if worker is not None]


def _answer(
    client: Client, machine: Machine, address: str, info: Mapping[str, Any], future: Future[Any]
) -> Worker | None:
    """A worker; None where it is gone."""
    known = str(info.get("name") or address)
    gpus = int(info.get("resources", {}).get("GPU", 0))
    try:
        theirs = result_of(client, future, [address])
    except ModuleNotFoundError:
        return Worker(address, known, "mnst-video is not installed there")
    if theirs is None:
        return None
    if theirs != (ours := version("mnst-video")):
        return Worker(address, known, f"has mnst-video {theirs}, and this is {ours}")
    try:
        submitted = client.submit(examine, machine, workers=[address], pure=False)
        report = result_of(client, submitted, [address])
    except (MnstError, RuntimeError, ImportError, AttributeError, TypeError) as error:
        return Worker(address, known, " ".join(str(error).split()))
    return Worker(address, known, "", report, gpus) if report is not None else None


def result_of(client: Client, future: Future[Any], workers: Iterable[str]) -> Any:
    """A small result of some workers; None where none of them is left, or answers in time.

    Raises what the task raised, or MachineError where the scheduler is gone.
    """
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < PATIENCE:
            try:
                return future.result(timeout=1)
            except TimeoutError:
                if not present(client).keys() & set(workers):
                    return None
        return None
    finally:
        future.release()


def different(workers: Iterable[Worker], size: tuple[int, int], here: Mapping[str, str]) -> str:
    """The worker that would not paint the same bytes as most, and why; empty where all would.

    here: the versions of this machine, which reads the clip.
    """
    found = {worker: worker.settings(size) for worker in workers}
    common = Counter(tuple(sorted(map(_word, settings.items()))) for settings in found.values())
    usual = dict(common.most_common(1)[0][0]) if common else {}
    for worker, settings in found.items():
        words = dict(map(_word, settings.items()))
        for name, value in usual.items():
            if words[name] != value:
                return f"worker {worker.name}: {name} is {words[name]} there, {value} elsewhere"
            if name in here and words[name] != here[name]:
                return f"worker {worker.name}: {name} is {words[name]} there, {here[name]} here"
    return ""


def _word(setting: tuple[str, object]) -> tuple[str, str]:
    name, value = setting
    return name, str(value)[:16]
