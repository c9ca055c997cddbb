"""What `cluster check` found, as a table or as JSON."""

import json
from collections.abc import Iterator
from typing import Any

from rich.table import Table

from mnst_video.job.cluster.check import SIZE, Checked, Checks


def checks_report(checks: Checks) -> Iterator[Any]:
    """Lines and a table."""
    yield f"{checks.address}: {len(checks.workers)} workers"
    if not checks.workers:
        return
    table = Table()
    for head in (
        "worker",
        "device",
        "chunks at once",
        "versions",
        f"a step at {SIZE[0]}×{SIZE[1]}",
    ):
        table.add_column(head)
    for checked in checks.workers:
        table.add_row(*_row(checked))
    yield table


def _row(checked: Checked) -> list[str]:
    worker, seconds = checked.worker, checked.seconds
    if worker.report is None:
        return [worker.name, worker.problem, "0", "", ""]
    facts = worker.report.facts
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    took = f"{1000 * seconds:.0f} ms" if seconds is not None else "–"
    return [worker.name, f"{facts.shown} ({facts.processor})", str(worker.slots), versions, took]


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
