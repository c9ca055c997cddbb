"""A flag for every option, for the commands that take options."""

import inspect
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from mnst_video.errors import UsageError
from mnst_video.media.input.mask_source import KINDS as SOURCES
from mnst_video.media.output.containers import CODECS
from mnst_video.option_types import GAMMA_FROM, GAMMA_TO, STROKES, Mark, parse_rate
from mnst_video.options import MAX_SIDE, Options, marked
from mnst_video.presets import make_options, preset_names
from mnst_video.timeline.easing import NAMES
from mnst_video.timeline.reaction import KINDS
from mnst_video.timeline.timecode import Time
from mnst_video.timeline.wipe import KINDS as WIPES

MAIN, INPUT = "Main options", "Input"
TIMELINE, MASKS, LOOK = "Timeline and sound", "Masks and wipes", "Look"
OUTPUT, METHOD, MACHINE = "Output", "Method", "Machine and progress"

# Name, type on the command line, panel in the help, and what stands for the value.
_FLAGS: tuple[tuple[str, Any, str, str | None], ...] = (
    ("style1", Path, MAIN, None),
    ("style2", Path, MAIN, None),
    ("style", list[Path], MAIN, None),
    ("gamma_from", float, MAIN, None),
    ("gamma_to", float, MAIN, None),
    ("gamma", str, MAIN, "NUMBER|KEYS"),
    ("start", str, MAIN, "TIME"),
    ("end", str, MAIN, "TIME"),
    ("max_side", int, MAIN, None),
    ("preset", list[str], MAIN, "NAME|FILE"),
    ("fps", str, INPUT, "source|vfr|RATE"),
    ("stream", int, INPUT, None),
    ("seconds", float, INPUT, None),
    ("matte", str, INPUT, "COLOR"),
    ("max_pixels", float, INPUT, "MEGAPIXELS"),
    ("allow_partial", bool, INPUT, None),
    ("position", str, TIMELINE, "NUMBER|KEYS"),
    ("strength", str, TIMELINE, "NUMBER|KEYS"),
    ("bpm", str, TIMELINE, "NUMBER|auto"),
    ("beat_offset", float, TIMELINE, "SECONDS"),
    ("beats_per_bar", int, TIMELINE, None),
    ("react", list[str], TIMELINE, "KIND:AMOUNT"),
    ("audio", Path, TIMELINE, None),
    ("gamma_mask", str, MASKS, "FILE|SOURCE"),
    ("mask_from", str, MASKS, "SOURCE"),
    ("strength_mask", str, MASKS, "FILE|SOURCE"),
    ("content_mask", str, MASKS, "FILE|SOURCE"),
    ("wipe", str, MASKS, "KIND[,follow]"),
    ("softness", float, MASKS, None),
    ("style_scale", float, LOOK, None),
    ("colors", str, LOOK, "style|keep"),
    ("sigma", str, LOOK, "auto|shot|NUMBER"),
    ("gamma_scale", str, LOOK, "balanced|linear|even"),
    ("strokes", str, LOOK, "fine|even|bold"),
    ("layer_shares", str, LOOK, "A,B,C,D,E"),
    ("faces", str, LOOK, "keep|paint"),
    ("content_weight", float, LOOK, None),
    ("style_weight", float, LOOK, None),
    ("temporal_weight", float, LOOK, None),
    ("model", Path, LOOK, "FILE|auto"),
    ("polish", int, LOOK, "STEPS"),
    ("output_size", str, OUTPUT, "source|WxH"),
    ("codec", str, OUTPUT, None),
    ("crf", int, OUTPUT, None),
    ("encoder_preset", str, OUTPUT, None),
    ("no_audio", bool, OUTPUT, None),
    ("first_steps", int, METHOD, None),
    ("steps", int, METHOD, None),
    ("cuts", str, METHOD, "auto|none|T,T…"),
    ("segments", float, METHOD, "SECONDS"),
    ("weights", str, METHOD, "packaged|torchvision|FILE"),
    ("device", str, MACHINE, None),
    ("precision", str, MACHINE, None),
    ("threads", int, MACHINE, None),
    ("tile", float, MACHINE, "MEGAPIXELS"),
)

# The names of all of them.
FLAGS = frozenset(name for name, *_ in _FLAGS)

# What is no field of `Options`, or needs more words here than in a preset.
_HELP = {
    "style": "A picture of a setlist of two or more; repeat it, and see --position.",
    "gamma_from": f"γ at the first frame. [dim](default: {GAMMA_FROM})[/dim]",
    "gamma_to": f"γ at the last frame. [dim](default: {GAMMA_TO})[/dim]",
    "mask_from": "The same as --gamma-mask.",
    "strokes": "Lean to the paintings' texture (fine) or to their motifs (bold). "
    "[dim](default: even)[/dim]",
    "max_side": f"{Options.model_fields['max_side'].description} [dim](default: "
    f"{', '.join(f'{side} on {kind}' for kind, side in MAX_SIDE.items())})[/dim]",
    "tile": f"{Options.model_fields['tile'].description} [dim](default: what half of the memory "
    "holds)[/dim]",
    "preset": f"A shipped preset ({', '.join(preset_names())}), a .toml file, or a finished "
    "clip's .mnst.json. Repeatable: the later wins, and options win over all.",
}


# The flags of masks and wipes.
OF_MASKS = frozenset(name for name, _, panel, _ in _FLAGS if panel == MASKS)

# What makes no sense for one picture.
ONLY_CLIPS = marked(Mark.CLIPS)


def _words(*words: str) -> Callable[[str], list[str]]:
    """A completion by one of some words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def _presets(incomplete: str) -> list[str]:
    return [name for name in preset_names() if name.startswith(incomplete)]


def _easings(incomplete: str) -> list[str]:
    """Keys whose last word is the beginning of an easing, with the easing."""
    before, blank, word = incomplete.rpartition(" ")
    return [f"{before}{blank}{name}" for name in NAMES if blank and name.startswith(word)]


# What a shell offers for a value.
COMPLETIONS: dict[str, Callable[[str], list[str]]] = {
    "preset": _presets,
    "codec": _words(*CODECS),
    "gamma": _easings,
    "position": _easings,
    "strength": _easings,
    "react": _words(*(f"{kind}:" for kind in KINDS)),
    "colors": _words("style", "keep"),
    "gamma_mask": _words(*SOURCES),
    "mask_from": _words(*SOURCES),
    "strength_mask": _words(*SOURCES),
    "content_mask": _words(*SOURCES),
    "wipe": _words(*WIPES),
    "sigma": _words("auto", "shot"),
    "strokes": _words(*STROKES),
    "faces": _words("keep", "paint"),
    "gamma_scale": _words("balanced", "linear", "even"),
    "fps": _words("source", "vfr"),
    "bpm": _words("auto"),
    "output_size": _words("source"),
    "cuts": _words("auto", "none"),
    "weights": _words("packaged", "torchvision"),
    "device": _words("auto", "cpu", "cuda", "mps"),
    "precision": _words("auto", "float32", "bf16"),
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
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, _flag(name, panel, metavar)],
        )
        for name, kind, panel, metavar in _FLAGS
        if name not in without
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


def _flag(name: str, panel: str, metavar: str | None) -> Any:
    field = Options.model_fields.get(name)
    text = _HELP.get(name) or (field.description if field else "") or ""
    if name not in _HELP and field and field.default not in (None, ()):
        default = field.default.name if isinstance(field.default, Path) else field.default
        text = f"{text} [dim](default: {default})[/dim]"
    flag = "--" + name.replace("_", "-")
    return typer.Option(
        flag,
        help=text,
        rich_help_panel=panel,
        metavar=metavar,
        show_default=False,
        readable=False,
        autocompletion=COMPLETIONS.get(name),
    )
