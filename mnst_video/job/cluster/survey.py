"""The workers of a cluster: who they are, what they have, and whether they paint alike."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
    if client.status != "running" or client.scheduler is None:
        raise gone
    try:
        # `scheduler_info` would do, if a timer of Dask's did not empty what it returns.
        info: Mapping[str, Any] = client.sync(client.scheduler.identity, n_workers=-1)
    except (OSError, TimeoutError, ValueError, RuntimeError):
        raise gone from None
    workers: dict[str, Mapping[str, Any]] = dict(info["workers"])
    return workers


def survey(client: Client, machine: Machine, addresses: Iterable[str]) -> list[Worker]:
    """What workers say of themselves, in the order of their names; those that are gone do not.

    machine: what is asked for.
    """
    there = present(client)
    chosen = sorted(there.keys() & set(addresses))
    # A function of the standard library: this package may not be there, or be another.
    asked = {a: client.submit(version, "mnst-video", workers=[a], pure=False) for a in chosen}
    found = {a: _answer(client, there[a], a, future) for a, future in asked.items()}
    same = [a for a, worker in found.items() if worker is not None and not worker.problem]
    examined = {a: client.submit(examine, machine, workers=[a], pure=False) for a in same}
    for address, future in examined.items():
        worker = found[address]
        assert worker is not None
        try:
            report = result_of(client, future, [address])
        except (MnstError, RuntimeError, ImportError, AttributeError, TypeError) as error:
            found[address] = replace(worker, problem=" ".join(str(error).split()))
            continue
        found[address] = replace(worker, report=report) if report is not None else None
    there_still = (worker for worker in found.values() if worker is not None)
    return sorted(there_still, key=lambda worker: worker.name)


def _answer(
    client: Client, info: Mapping[str, Any], address: str, future: Future[str]
) -> Worker | None:
    """A worker that has not been examined; None where it is gone."""
    name, gpus = str(info.get("name") or address), int(info.get("resources", {}).get("GPU", 0))
    ours, problem = version("mnst-video"), ""
    try:
        theirs = result_of(client, future, [address])
    except ModuleNotFoundError:
        return Worker(address, name, "mnst-video is not installed there")
    except MachineError as error:
        return Worker(address, name, str(error))
    if theirs is None:
        return None
    if theirs != ours:
        problem = f"has mnst-video {theirs}, and this is {ours}"
    return Worker(address, name, problem, None, gpus)


def result_of(
    client: Client, future: Future[Any], workers: Iterable[str], patience: float = PATIENCE
) -> Any:
    """A small result of some workers; None where none of them is left.

    patience: seconds. Raises what the task raised, or MachineError where the scheduler is gone, or
    nobody answers in time.
    """
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < patience:
            try:
                return future.result(timeout=1)
            except TimeoutError:
                if not present(client).keys() & set(workers):
                    return None
        raise MachineError(f"has not answered for {patience:.0f} s: is it busy elsewhere?")
    finally:
        future.release()


def different(workers: Iterable[Worker], size: tuple[int, int], here: Mapping[str, str]) -> str:
    """The worker that would not paint the same bytes as most, and why; empty where all would.

    here: the versions of this machine, which reads the clip.
    """
    found = {worker: worker.settings(size) for worker in workers}
    common = Counter(tuple(settings.items()) for settings in found.values())
    usual = dict(common.most_common(1)[0][0]) if common else {}
    for worker, settings in found.items():
        for name, value in settings.items():
            if value != usual[name]:
                return f"worker {worker.name}: {name} is {value} there, {usual[name]} elsewhere"
            if name in here and value != here[name]:
                return f"worker {worker.name}: {name} is {value} there, {here[name]} here"
    return ""
