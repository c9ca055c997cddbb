"""`still` and `sweep`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from mnst_video.cli.app import (
    At,
    Content,
    Debug,
    Jobs,
    Overwrite,
    ProgressStyle,
    app,
    err,
    for_people,
    option,
)
from mnst_video.cli.flags import ONLY_CLIPS, options_of, read_rate, read_time, takes_options
from mnst_video.errors import UsageError
from mnst_video.option_panels import MAIN, METHOD
from mnst_video.options import SHEET_PICTURES, SWEEP_FPS, SWEEP_SECONDS

# The options of a moving sweep's encoder.
ENCODER = ("codec", "crf", "encoder_preset")


@app.command(name="still")
@partial(takes_options, without=ONLY_CLIPS | {"gamma_from", "gamma_to"})
def still_command(
    source: Content,
    *,
    output: Annotated[
        Path | None,
        option(
            MAIN,
            "The picture to write: .png, .jpg, or .tif with 16 bits "
            "(default: CONTENT_mnst.png beside it).",
            *("--output", "-o"),
        ),
    ] = None,
    overwrite: Overwrite = False,
    at: At = "start",
    save_every: Annotated[
        int | None, option(METHOD, "Write the picture after every so many steps too.")
    ] = None,
    progress: ProgressStyle = "auto",
    debug: Debug = False,
    **given: Any,
) -> None:
    """Stylize one picture, or a frame of a clip; γ is 0.5 unless it is given."""
    with for_people(debug, "nothing was written"):
        options = options_of(given)
        time = read_time("at", at)
        from mnst_video.cli.show.durations import minutes
        from mnst_video.cli.show.progress import count_display
        from mnst_video.stills.still import render_still

        with count_display(progress, err) as step_done:
            done = render_still(
                source,
                output,
                options,
                at=time,
                save_every=save_every,
                overwrite=overwrite,
                observe=step_done,
            )
    tiles = f", in {done.tiles} tiles" if done.tiles > 1 else ""
    if tiles and options.tile is None:
        tiles += ", as memory is short for the whole"
    print(f"{done.output}: {done.size[0]}×{done.size[1]}{tiles}, in {minutes(done.seconds)}")


@app.command(name="sweep")
@partial(takes_options, without=(ONLY_CLIPS | {"fps"}) - {"steps", *ENCODER})
def sweep_command(
    source: Content,
    *,
    output: Annotated[
        Path | None,
        option(
            MAIN,
            "A sheet (.png, .jpg, .tif), or a moving sweep (.mp4, .webm, .gif, .webp …) "
            "(default: CONTENT_sweep.png beside it).",
            *("--output", "-o"),
        ),
    ] = None,
    overwrite: Overwrite = False,
    at: At = "start",
    pictures: Annotated[int, option(MAIN, "Of a sheet: pictures a row.")] = SHEET_PICTURES,
    rows: Annotated[
        str | None,
        option(MAIN, "Of a sheet: a row for each value, such as content_weight=0.03,0.1,0.3."),
    ] = None,
    seconds: Annotated[
        float, option(MAIN, "How long a moving sweep lasts, and γ's times.")
    ] = SWEEP_SECONDS,
    fps: Annotated[
        str, option(MAIN, "Of a moving sweep: its rate, such as 25 or 30000/1001.")
    ] = str(SWEEP_FPS),
    loop: Annotated[
        bool, option(MAIN, "Of a moving sweep: there and back, without a seam.", "--loop")
    ] = False,
    jobs: Jobs = 1,
    progress: ProgressStyle = "auto",
    debug: Debug = False,
    **given: Any,
) -> None:
    """Paint one picture along γ, from 0 to 1 unless given: a contact sheet, or a moving sweep."""
    with for_people(debug, "nothing was written"):
        options = options_of(given)
        time, rate = read_time("at", at), read_rate("fps", fps)
        from mnst_video.cli.show.durations import minutes
        from mnst_video.cli.show.progress import count_display
        from mnst_video.media.output.containers import is_clip

        with count_display(progress, err) as observe:
            if output is not None and is_clip(output):
                from mnst_video.stills.sweep import render_sweep

                if rows is not None:
                    raise UsageError(f"{output}: moves, and --rows is for a sheet: use .png")
                if jobs > 1:
                    raise UsageError(
                        f"--jobs {jobs}: in {output} each picture begins at the one before"
                    )
                done = render_sweep(
                    source,
                    output,
                    options,
                    at=time,
                    seconds=seconds,
                    fps=rate,
                    loop=loop,
                    overwrite=overwrite,
                    observe=observe,
                )
            else:
                from mnst_video.stills.sheet import render_sheet

                for name in (name for name in ENCODER if given.get(name) is not None):
                    flag = name.replace("_", "-")
                    raise UsageError(f"--{flag} {given[name]}: a sheet is a picture; leave it out")
                done = render_sheet(
                    source,
                    output,
                    options,
                    at=time,
                    pictures=pictures,
                    rows=rows,
                    seconds=seconds,
                    overwrite=overwrite,
                    jobs=jobs,
                    observe=observe,
                )
    print(f"{done.output}: {done.pictures} pictures, in {minutes(done.seconds)}")
