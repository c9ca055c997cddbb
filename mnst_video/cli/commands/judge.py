"""`calibrate` and `evaluate`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mnst_video.cli.app import (
    AsJson,
    Content,
    Debug,
    Overwrite,
    ProgressStyle,
    Source,
    app,
    err,
    for_people,
    option,
    show,
)
from mnst_video.cli.flags import ONLY_CLIPS, options_of, takes_options
from mnst_video.errors import UsageError
from mnst_video.option_panels import MAIN, METHOD, OF_MASKS
from mnst_video.presets import check_preset_target, make_options, save_preset_file


@app.command(name="calibrate")
@partial(
    takes_options,
    without=ONLY_CLIPS
    | OF_MASKS
    | {"gamma", "gamma_from", "gamma_to", "position", "style", "sigma", "gamma_scale"}
    | {"bpm", "beat_offset", "beats_per_bar"},
)
def calibrate_command(
    source: Content,
    *,
    plot: Annotated[
        Path | None, option(MAIN, "Draw RI1 and RI2 over γ, without and with σ, into this .png.")
    ] = None,
    save_preset: Annotated[
        Path | None, option(MAIN, "Keep the refined σ in this preset, a .toml file.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    progress: ProgressStyle = "auto",
    debug: Debug = False,
    **given: Any,
) -> None:
    """Measure how balanced two styles are over γ, and the σ that balances them."""
    with for_people(debug, "nothing was written"):
        options = options_of(given)
        if save_preset is not None:
            check_preset_target(save_preset, overwrite)
        from mnst_video.cli.show.judgement import balance_json, balance_report
        from mnst_video.cli.show.plots import check_plot, draw_balance
        from mnst_video.cli.show.progress import count_display
        from mnst_video.stills.calibrate import measure

        if plot is not None:
            check_plot(plot, (source, *options.styles), overwrite)
        with count_display(progress, err) as observe:
            balance = measure(source, options, observe)
        if as_json:
            print(balance_json(balance))
        else:
            show(balance_report(balance))
        done = []
        if plot is not None:
            draw_balance(balance, plot)
            done.append(f"curves: {plot}")
        if save_preset is not None:
            if balance.check is None:
                raise UsageError(f"{save_preset}: not written, as no σ balances the two styles")
            made = make_options((), {"sigma": balance.sigma2["refined"]})
            save_preset_file(save_preset, made, overwrite)
            done.append(f"preset: {save_preset}")
        if done and not as_json:
            print("\n".join(done))


@app.command(name="evaluate")
@takes_options
def evaluate_command(
    source: Source,
    painted: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="What was made of it.", show_default=False),
    ],
    *,
    plot: Annotated[
        Path | None, option(MAIN, "Draw the scores over time into this .png, .svg or .pdf.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    flow: Annotated[
        Path | None,
        option(METHOD, "Judge by the true flow in this folder, as of the sample clip."),
    ] = None,
    stills: Annotated[
        int,
        typer.Option(
            min=0,
            rich_help_panel=MAIN,
            help="Paint so many of its frames as stills, the last one too, to compare with.",
        ),
    ] = 1,
    progress: ProgressStyle = "auto",
    debug: Debug = False,
    **given: Any,
) -> None:
    """Judge a finished clip: stability, style, lag, naked areas, grain, drift.

    Settings are taken from OUTPUT.mnst.json where it is there; options win over it.
    """
    with for_people(debug, "nothing was changed"):
        from mnst_video.job.folder import record_path
        from mnst_video.media.files import check_name

        check_name(painted)
        record = record_path(painted)
        options = options_of(given, [str(record)] if record.exists() else [])
        from mnst_video.cli.show.judgement import evaluation_json, evaluation_report
        from mnst_video.cli.show.plots import check_plot, draw_evaluation
        from mnst_video.cli.show.progress import count_display
        from mnst_video.judge.evaluate import evaluate

        if plot is not None:
            check_plot(plot, (source, painted, *options.styles), overwrite)
        with count_display(progress, err) as observe:
            evaluation = evaluate(
                source, painted, options, flow=flow, stills=stills, observe=observe
            )
        if plot is not None:
            draw_evaluation(evaluation, plot)
    if as_json:
        print(evaluation_json(evaluation))
        return
    show(evaluation_report(evaluation))
    if plot is not None:
        print(f"curves: {plot}")
