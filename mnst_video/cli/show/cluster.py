"""What `cluster check` found, as a table or as JSON."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from mnst_video.job.cluster.check import SIZE, Checked, Checks
from mnst_video.job.facts import versions_here


def checks_report(checks: Checks) -> Iterator[Any]:
    """Lines and a table."""
    count = len(checks.workers)
    yield f"{checks.address}: {count} worker{'' if count == 1 else 's'}"
    here = versions_here()
    yield f"versions: {_listed(here)}"
    if not checks.workers:
        return
    table = Table()
    for head in ("worker", "device", "at once", "a step", "versions"):
        table.add_column(head, overflow="fold")
    for checked in checks.workers:
        table.add_row(*_row(checked, here))
    yield table
    yield f"at once: chunks that it paints; a step: of a picture of {SIZE[0]}×{SIZE[1]}"


def _row(checked: Checked, here: Mapping[str, str]) -> list[str]:
    worker, seconds = checked.worker, checked.seconds
    if worker.report is None:
        return [worker.name, worker.problem, "0", "", ""]
    facts = worker.report.facts
    others = {name: value for name, value in facts.versions.items() if here.get(name) != value}
    took = f"{1000 * seconds:.0f} ms" if seconds is not None else "–"
    device = f"{facts.shown} ({facts.processor})"
    return [worker.name, device, str(worker.slots), took, _listed(others) or "the same"]


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def checks_json(checks: Checks) -> str:
    """The same for programs."""
    workers = []
    for checked in checks.workers:
        worker = checked.worker
        about: dict[str, Any] = {"name": worker.name, "address": worker.address}
        if worker.report is None:
            about["problem"] = worker.problem
        else:
            about |= {"slots": worker.slots, **worker.settings(SIZE), "seconds": checked.seconds}
        workers.append(about)
    about = {"scheduler": checks.address, "workers": workers, "problem": checks.problem or None}
    return json.dumps(about, indent=1)
