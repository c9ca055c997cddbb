"""`studio`: the page in the browser."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from mnst_video.cli.app import Debug, app, err, for_people, option
from mnst_video.errors import InputError, MachineError
from mnst_video.option_panels import MACHINE, MAIN


@app.command(name="studio")
def studio_command(
    clip: Annotated[
        Path | None,
        typer.Argument(
            metavar="CLIP",
            help="The clip, or a folder to choose one from (default: the folder one is in).",
            show_default=False,
            readable=False,
        ),
    ] = None,
    *,
    folder: Annotated[
        list[Path] | None,
        option(
            MAIN,
            "Another folder whose paintings, sounds and presets may be used; repeat it.",
            "--folder",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            rich_help_panel=MACHINE,
            help="The port to listen to; 0: any that is free.",
        ),
    ] = 0,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            rich_help_panel=MACHINE,
            help="The address to listen at; another than this machine's own lets others in.",
        ),
    ] = "127.0.0.1",
    no_browser: Annotated[
        bool, option(MAIN, "Open no browser: the address is printed.", "--no-browser")
    ] = False,
    debug: Debug = False,
) -> None:
    """Plan, see and render a clip on a page in the browser."""
    with for_people(debug, "the studio is closed; renders that run go on"):
        try:
            from mnst_video.web.serve import LOOPBACK, serve
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn"):
                raise
            raise MachineError("the studio needs: pip install 'mnst-video[studio]'") from None
        from mnst_video.media.input.pictures import is_sequence

        base = clip or Path()
        if not base.exists() and not is_sequence(base):
            raise InputError(f"{base}: there is no such file")
        is_folder = base.is_dir()
        folders = [base if is_folder else base.parent, *(folder or ())]
        for path in folders:
            if not path.is_dir():
                raise InputError(f"{path}: there is no such folder")
        if host not in (LOOPBACK, "localhost", "::1"):
            err.print(
                f"note: whoever reaches {host} and has the address below can use this studio, and "
                "it is not encrypted",
                highlight=False,
                soft_wrap=True,
            )

        def ready(address: str) -> None:
            print(address, flush=True)
            if not no_browser:
                webbrowser.open(address)

        serve(folders, None if is_folder else base, host, port, ready)
