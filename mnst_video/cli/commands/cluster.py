"""`cluster check`."""

from typing import Annotated, Any

import typer

from mnst_video.cli.app import AsJson, Debug, app, fail, for_people, option, show
from mnst_video.cli.flags import options_of
from mnst_video.option_panels import MACHINE

cluster = typer.Typer(no_args_is_help=True, help="Look at a Dask cluster, for --cluster.")
app.add_typer(cluster, name="cluster")


@cluster.command(name="check")
def check_command(
    address: Annotated[
        str, typer.Argument(metavar="CLUSTER", help="A scheduler's address, or its file.")
    ],
    *,
    device: Annotated[str | None, option(MACHINE, "As a render would be given it.")] = None,
    precision: Annotated[str | None, option(MACHINE, "As a render would be given it.")] = None,
    threads: Annotated[int | None, option(MACHINE, "As a render would be given it.")] = None,
    weights: Annotated[str | None, option(MACHINE, "As a render would be given it.")] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show what each worker has, how quick it is, and whether a render would begin."""
    given: dict[str, Any] = {
        "device": device,
        "precision": precision,
        "threads": threads,
        "weights": weights,
    }
    with for_people(debug, "nothing was changed"):
        from mnst_video.job.render import cluster_extra

        with cluster_extra():
            from mnst_video.cli.show.cluster import checks_json, checks_report
            from mnst_video.job.cluster.check import check

        checks = check(address, options_of(given))
    if as_json:
        print(checks_json(checks))
    else:
        show(checks_report(checks))
    if checks.problem:
        fail(checks.problem, 4)
