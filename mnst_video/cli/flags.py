"""A flag for every option, for the commands that take options."""

import inspect
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from typing import Annotated, Any

import typer

from mnst_video.errors import UsageError
from mnst_video.option_panels import WORDS, Shown, shown_options
from mnst_video.option_types import Mark, parse_rate
from mnst_video.options import Options, marked
from mnst_video.presets import make_options, preset_names
from mnst_video.timeline.easing import NAMES
from mnst_video.timeline.timecode import Time

# What makes no sense for one picture.
ONLY_CLIPS = marked(Mark.CLIPS)


def _easings(incomplete: str) -> list[str]:
    """Keys whose last word is the beginning of an easing, with the easing."""
    before, blank, word = incomplete.rpartition(" ")
    return [f"{before}{blank}{name}" for name in NAMES if blank and name.startswith(word)]


def _words(*words: str) -> Callable[[str], list[str]]:
    """A completion by one of some words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


# What a shell offers for a value.
COMPLETIONS: dict[str, Callable[[str], list[str]]] = {
    **{name: _words(*words) for name, words in WORDS.items()},
    **dict.fromkeys(("gamma", "position", "strength"), _easings),
    "preset": lambda incomplete: _words(*preset_names())(incomplete),
}


def takes_options(
    command: Callable[..., None], without: Collection[str] = ()
) -> Callable[..., None]:
    """Give a command, which takes `**given`, a flag for every option; None where it is not given.

    `options_of` makes options of what is given.
    """
    signature = inspect.signature(command)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    flags = [
        inspect.Parameter(
            shown.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[shown.kind | None, _flag(shown)],
        )
        for shown in shown_options()
        if shown.name not in without
    ]
    positional = [p for p in own if p.kind is not p.KEYWORD_ONLY]
    rest = [p for p in own if p.kind is p.KEYWORD_ONLY]
    parameters = [*positional, *flags, *rest]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def options_of(given: dict[str, Any], presets: Sequence[str] = ()) -> Options:
    """The options that presets, those given after `presets`, and flags add up to.

    Raises UsageError.
    """
    flags = {name: value for name, value in given.items() if value is not None}
    return make_options([*presets, *flags.pop("preset", ())], flags)


def read_time(name: str, text: str) -> Time:
    """A time that is given as a flag. Raises UsageError."""
    try:
        return Time.parse(text)
    except ValueError as error:
        raise UsageError(f"--{name} {text}: {error}") from None


def read_rate(name: str, text: str) -> Fraction:
    """Frames a second that are given as a flag. Raises UsageError."""
    try:
        return parse_rate(text)
    except ValueError as error:
        raise UsageError(f"--{name} {text}: {error}") from None


def _flag(shown: Shown) -> Any:
    default = "" if shown.default is None else f" [dim](default: {shown.default})[/dim]"
    return typer.Option(
        shown.flag,
        help=shown.text + default,
        rich_help_panel=shown.panel,
        metavar=shown.metavar,
        show_default=False,
        readable=False,
        autocompletion=COMPLETIONS.get(shown.name),
    )
