"""How options are shown to people, on the command line and in the studio: panels, words, texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnst_video.media.input.mask_source import KINDS as SOURCES
from mnst_video.media.output.containers import CODECS
from mnst_video.option_types import GAMMA_FROM, GAMMA_TO, STROKES
from mnst_video.options import MAX_SIDE, Options
from mnst_video.presets import preset_names
from mnst_video.timeline.reaction import KINDS
from mnst_video.timeline.wipe import KINDS as WIPES

MAIN, INPUT = "Main options", "Input"
TIMELINE, MASKS, LOOK = "Timeline and sound", "Masks and wipes", "Look"
OUTPUT, METHOD, MACHINE = "Output", "Method", "Machine and progress"

# Name, type on the command line, panel in the help, and what stands for the value.
ROWS: tuple[tuple[str, Any, str, str | None], ...] = (
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
    ("device", str, MACHINE, "auto|cpu|cuda|cuda:N|mps"),
    ("precision", str, MACHINE, None),
    ("threads", int, MACHINE, None),
    ("tile", float, MACHINE, "MEGAPIXELS"),
)

# The names of all of them.
FLAGS = frozenset(name for name, *_ in ROWS)

# The flags of masks and wipes.
OF_MASKS = frozenset(name for name, _, panel, _ in ROWS if panel == MASKS)

# What is no field of `Options`, or needs more words here than in a preset.
_TEXTS = {
    "style": "A picture of a setlist of two or more; repeat it, and see --position.",
    "gamma_from": "γ at the first frame.",
    "gamma_to": "γ at the last frame.",
    "mask_from": "The same as --gamma-mask.",
    "strokes": "Lean to the paintings' texture (fine) or to their motifs (bold).",
    "preset": f"A shipped preset ({', '.join(preset_names())}), a .toml file, or a finished "
    "clip's .mnst.json. Repeatable: the later wins, and options win over all.",
}

# Defaults that are no field's, or that a field does not say.
_DEFAULTS = {
    "gamma_from": f"{GAMMA_FROM}",
    "gamma_to": f"{GAMMA_TO}",
    "strokes": "even",
    "max_side": ", ".join(f"{side} on {kind}" for kind, side in MAX_SIDE.items()),
    "tile": "what half of the memory holds",
}

# Words that a value can be, or begin with.
WORDS: Mapping[str, tuple[str, ...]] = {
    "codec": tuple(CODECS),
    "react": tuple(f"{kind}:" for kind in KINDS),
    "colors": ("style", "keep"),
    "gamma_mask": tuple(SOURCES),
    "mask_from": tuple(SOURCES),
    "strength_mask": tuple(SOURCES),
    "content_mask": tuple(SOURCES),
    "wipe": tuple(WIPES),
    "sigma": ("auto", "shot"),
    "strokes": tuple(STROKES),
    "faces": ("keep", "paint"),
    "gamma_scale": ("balanced", "linear", "even"),
    "fps": ("source", "vfr"),
    "bpm": ("auto",),
    "output_size": ("source",),
    "cuts": ("auto", "none"),
    "weights": ("packaged", "torchvision"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "precision": ("auto", "float32", "bf16"),
}


@dataclass(frozen=True)
class Shown:
    """How one option is shown. kind: the type of its value. metavar: what stands for a value.

    default: in words; None where there is none to tell. words: see `WORDS`.
    """

    name: str
    kind: Any
    panel: str
    metavar: str | None
    text: str
    default: str | None
    words: tuple[str, ...]

    @property
    def closed(self) -> bool:
        """Whether its value is one of the words, and nothing else."""
        return bool(self.words) and self.metavar in (None, "|".join(self.words))

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def shown_options() -> tuple[Shown, ...]:
    """All options that the command line has, in order."""
    return tuple(_shown(*row) for row in ROWS)


def _default_shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return value.name if isinstance(value, Path) else str(value)


def _shown(name: str, kind: Any, panel: str, metavar: str | None) -> Shown:
    field = Options.model_fields.get(name)
    text = _TEXTS.get(name) or (field.description if field else "") or ""
    default = _DEFAULTS.get(name)
    if default is None and name not in _TEXTS and field and field.default not in (None, ()):
        default = _default_shown(field.default)
    return Shown(name, kind, panel, metavar, text, default, WORDS.get(name, ()))
