"""`presets`: list, show, save."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mnst_video.cli.app import (
    Debug,
    Overwrite,
    app,
    for_people,
)
from mnst_video.cli.flags import (
    COMPLETIONS,
    options_of,
    takes_options,
)
from mnst_video.options import Options
from mnst_video.presets import (
    make_options,
    options_toml,
    preset_names,
    preset_summary,
    preset_text,
    save_preset_file,
)

presets_app = typer.Typer(
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    help="List the shipped presets, show one, or save options as one.",
)
app.add_typer(presets_app, name="presets")


@presets_app.callback()
def presets_command(context: typer.Context) -> None:
    """List the shipped presets, show one, or save options as one."""
    if context.invoked_subcommand is None:
        for name in preset_names():
            print(f"{name:14}{preset_summary(name)}")


@presets_app.command(name="show")
def presets_show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="The preset.", autocompletion=COMPLETIONS["preset"]
        ),
    ],
    resolved: Annotated[
        bool,
        typer.Option("--resolved", help="All options as they are with it, also those it leaves."),
    ] = False,
    debug: Debug = False,
) -> None:
    """Print a preset."""
    with for_people(debug, "nothing was changed"):
        if resolved:
            options = make_options((name,), {})
            text = options_toml(options, Options.model_fields, f"All options with {name}", Path())
        else:
            text = preset_text(name)
    print(text, end="")


@presets_app.command(name="save")
@takes_options
def presets_save(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .toml file to write.")],
    *,
    overwrite: Overwrite = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Write the options that are given, and those of the presets given, as a preset."""
    with for_people(debug, "nothing was changed"):
        save_preset_file(file, options_of(given), overwrite)
    print(f"{file}: use it with --preset {file}")
