"""`doctor`. What it finds stands apart: it takes torch, which other commands need not wait for."""

import typer

from mnst_video.cli.app import Debug, app, for_people, out


@app.command(name="doctor")
def doctor(debug: Debug = False) -> None:
    """Print versions, device, weights and ffmpeg, and what is wrong, if anything."""
    with for_people(debug, "nothing was changed"):
        from mnst_video.cli.doctor import examine

        findings = examine()
    for name, value, problem in findings:
        out.print(
            f"{'✗' if problem else '✓'} {name}: {value}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if any(problem for *_, problem in findings):
        raise typer.Exit(4)
