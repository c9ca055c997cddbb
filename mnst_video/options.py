"""Options: every setting of a render, what it does, its default, and why.

One flat model for people, in presets, records and on the command line; for the code, groups: each
function takes the small record that it obeys, which lies beside it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from mnst_video.media.input.mask_source import MaskOptions
from mnst_video.media.input.settings import InputOptions
from mnst_video.media.output.containers import EncoderSettings
from mnst_video.option_types import (
    STROKES,
    Bpm,
    Gamma,
    Mark,
    Mask,
    Moment,
    Number,
    Position,
    Positive,
    Reactions,
    Shares,
    Side,
    Sigma,
    Steps,
    Weight,
    Whole,
    WipeKind,
    check_codec,
    check_color,
    fps_reader,
    has_mark,
    read_cuts,
    read_size,
    say,
    spell_out,
)
from mnst_video.painting.settings import Machine, Paint
from mnst_video.timeline.gamma import TimelineOptions
from mnst_video.timeline.keys import Timeline


def resource(name: str) -> Path:
    """A file that is shipped with the program, such as `presets/article.toml`.

    In an installed program it lies inside the package, in a checkout beside it.
    """
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.exists() else package.parent / name


Group = TypeVar("Group")


def marked(mark: Mark) -> frozenset[str]:
    """The names of the options that have a mark."""
    return frozenset(name for name, field in Options.model_fields.items() if has_mark(field, mark))


class Options(BaseModel):
    """Every setting that decides what a render looks like. The only place a default lives.

    Besides its fields it takes what `spell_out` knows: `gamma_from`, `gamma_to`, `repeat`,
    `mask_from`, `strokes`, `style`.
    Unknown names and values out of range raise pydantic's ValidationError, which is a ValueError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Styles
    style1: Annotated[Path, say("The picture that γ = 1 shows.", Mark.SHEETS, Mark.LEARNED)] = (
        resource("samples/swirls.jpg")
    )
    style2: Annotated[Path, say("The picture that γ = 0 shows.", Mark.SHEETS, Mark.LEARNED)] = (
        resource("samples/ink.jpg")
    )
    more_styles: Annotated[
        tuple[Path, ...],
        say("The third and later pictures of a setlist, see position.", Mark.LEARNED),
    ] = ()
    # At 1 a style image is scaled to cover the working size.
    style_scale: Annotated[
        Number, Field(ge=0.1, le=10.0), say("Size of the strokes.", Mark.LEARNED)
    ] = 1.0

    # Timeline
    # None: from style 2 to style 1 over the clip, or through a setlist from its first to its last.
    gamma: Annotated[
        Gamma | None,
        say(
            'γ over time: a number, or keys such as "0=0, 12.5s=1 ease-in-out, 1:30=0".',
            Mark.SHEETS,
        ),
    ] = None
    position: Annotated[
        Position | None,
        say(
            'The place in a setlist over time: 1 is the first style. "0=1, 10s=2, 20s=3".',
            Mark.SHEETS,
        ),
    ] = None
    react: Annotated[
        Reactions,
        say("Add the sound to γ: rms:0.3, onset:0.5 or beat:0.25. Repeatable.", Mark.CLIPS),
    ] = ()
    strength: Annotated[
        Gamma,
        say(
            "Between the footage, 0, and the painting, 1, over time: keys as for γ.",
            Mark.CLIPS,
            Mark.SHEETS,
        ),
    ] = Timeline.constant(1.0)
    bpm: Annotated[Bpm | None, say("Tempo, for beats and bars: a number, or auto.")] = None
    # None: 0, or with bpm = "auto" the first beat that is found.
    beat_offset: Annotated[
        Number | None, say("Seconds from the first frame to beat 0, where bar 1 begins.")
    ] = None
    beats_per_bar: Annotated[Whole, Field(ge=1, le=64), say("Beats in a bar.")] = 4
    audio: Annotated[
        Path | None,
        say("Another sound track, for the output and what reacts to sound.", Mark.CLIPS),
    ] = None

    # Masks
    gamma_mask: Annotated[
        Mask | None,
        say(
            "γ by place: a grey FILE, alpha, luma:0.2-0.8, key:#00ff00,30, or person.",
            Mark.SHEETS,
            Mark.TIMING,
        ),
    ] = None
    strength_mask: Annotated[
        Mask | None,
        say("Where paint is, in white; in black the footage stays. As for γ.", Mark.SHEETS),
    ] = None
    content_mask: Annotated[
        Mask | None,
        say("Where content is kept tighter, in white, as faces are. As for γ.", Mark.SHEETS),
    ] = None
    wipe: Annotated[
        WipeKind | None,
        say(
            "Uncover style 1 by γ's share of the picture: left, right, up, down, radial, iris, "
            "clock or noise; with ,follow it moves with the picture.",
            Mark.SHEETS,
            Mark.TIMING,
        ),
    ] = None
    # A boundary that passes at once is seen to jump from frame to frame (docs/masks.md).
    softness: Annotated[
        Number,
        Field(ge=0.0, le=1.0),
        say("Of a wipe: the share of the picture that is between.", Mark.SHEETS, Mark.TIMING),
    ] = 0.25

    # Input
    # Source: the clip's own; where that varies, the rate of its median interval.
    fps: Annotated[
        Annotated[Literal["source", "vfr"] | Fraction, fps_reader(), PlainSerializer(str)],
        say(
            "The clip's rate: source, vfr (its timestamps as they are), or frames a second.",
            Mark.FRAMES,
        ),
    ] = "source"
    stream: Annotated[
        Annotated[Whole, Field(ge=0, le=1000)] | None,
        say(
            "Of several video streams in the file, this one, from 0 (default: the file's own).",
            Mark.FRAMES,
        ),
    ] = None
    seconds: Annotated[
        Annotated[Positive, Field(le=86400.0)] | None,
        say("How long a clip of one picture lasts.", Mark.CLIPS),
    ] = None
    # None: opacity is kept where the output has it; elsewhere it is on white.
    matte: Annotated[
        Annotated[str, AfterValidator(check_color)] | None,
        say(
            "Put transparent footage on this colour (default: keep it transparent, or white).",
            Mark.FRAMES,
        ),
    ] = None
    max_pixels: Annotated[
        Annotated[Positive, Field(le=10_000.0)] | None,
        say("Open frames of up to so many megapixels."),
    ] = None
    allow_partial: Annotated[
        Annotated[bool, Field(strict=True)],
        say("Render what can be decoded of a damaged clip."),
    ] = False

    # Look
    # Keep: one map of colours a shot, so that they do not breathe.
    colors: Annotated[
        Literal["style", "keep"],
        say("The styles' colours, or keep the footage's and take only strokes.", Mark.LEARNED),
    ] = "style"
    # Auto: the closed form, one sigma2 for the whole clip; a sigma per frame would breathe.
    sigma: Annotated[
        Sigma,
        say(
            "Balance of the styles: auto (one a clip), shot (one a shot), or a number; 1 = off.",
            Mark.LEARNED,
        ),
    ] = "auto"
    # Balanced keeps the article's meaning of 0.5; even is for fades that are to move steadily.
    gamma_scale: Annotated[
        Literal["balanced", "linear", "even"],
        say(
            "From γ to the mix: balanced by σ, linear (σ off), or even (to the eye, nearly).",
            Mark.LEARNED,
        ),
    ] = "balanced"
    # With a fifth of the loss each, strokes and motifs take small faces apart.
    faces: Annotated[
        Literal["keep", "paint"],
        say("Keep eyes and mouths of faces, or paint them like all else.", Mark.LEARNED),
    ] = "keep"
    # Relative losses are 1 at the bare content: at 0.05 shapes stay readable, and motifs lack three
    # quarters of what they do at 0.1. Faces have a term of their own.
    content_weight: Annotated[
        Weight, say("More keeps shapes, less lets paint flow.", Mark.LEARNED)
    ] = 0.05
    style_weight: Annotated[
        Weight, say("More brings the picture closer to the styles.", Mark.LEARNED)
    ] = 1.0
    # At 1 paint goes half its way back to the warped previous result after each step. More is
    # steadier and has less style (docs/method.md has the figures). At 0.7 texture fell behind.
    temporal_weight: Annotated[
        Weight, say("More holds the paint to what moves.", Mark.CLIPS, Mark.FOLLOWS)
    ] = 0.5
    # Areas that the flow cannot follow stay bare at 0; 1 makes them busy.
    uncovered_weight: Annotated[
        Weight, say("Style in areas that the flow cannot follow.", Mark.FOLLOWS)
    ] = 0.5

    # A trained network
    model: Annotated[
        Path | None,
        say(
            "Paint with a trained network instead of the optimiser: a file, or auto (train now).",
            Mark.CLIPS,
        ),
    ] = None
    # At 0 frames are the network's, held along the flow.
    polish: Annotated[
        Annotated[Whole, Field(ge=0, le=1000)],
        say(
            "With a model: steps of the optimiser from the network's picture, a frame.", Mark.CLIPS
        ),
    ] = 0

    # Method
    # Relative: losses as shares of the content's own, independent of resolution and styles.
    # Article: the literal formula, whose balance depends on both.
    losses: Annotated[
        Literal["relative", "article"], say("Losses on a scale of their own, or the article's.")
    ] = "relative"
    # Equal: with the article's weights on these scales, blocks 2 and 4 would have nearly all of the
    # loss, and strokes and motifs, blocks 3 and 5, none (docs/method.md).
    layer_shares: Annotated[
        Shares,
        say(
            "Shares of the style's five layers: two of texture, one of strokes, two of motifs.",
            Mark.LEARNED,
        ),
    ] = STROKES["even"]
    # Block 4 keeps eyes and mouths where the article's block 5 keeps only the layout.
    content_layer: Annotated[
        Literal["block4_conv2", "block5_conv2"], say("Where content is compared.", Mark.LEARNED)
    ] = "block4_conv2"
    # Off: each frame starts from its content, as the article's stills do, and flickers.
    warm_start: Annotated[
        Annotated[bool, Field(strict=True)],
        say("Start a frame from the one before.", Mark.FOLLOWS),
    ] = True
    # Pixels move in squares of 1, 2, 4, 8 and 16: colour settles in few steps, with little noise.
    pyramid_levels: Annotated[
        Whole, Field(ge=1, le=8), say("Sizes of the squares that move together; 1: pixels.")
    ] = 5
    # At 1 pixels are noisier, in each frame anew.
    pixel_rate: Annotated[
        Number, Field(gt=0.0, le=1.0), say("The factor on the rate of single pixels.")
    ] = 0.5
    # Strokes then grow with the picture; stills only.
    coarse_to_fine: Annotated[
        Annotated[bool, Field(strict=True)],
        say("Begin a large still small, and double it.", Mark.STILLS),
    ] = True
    # Adam's usual 0.9 overshoots in so few steps: it needs half as many again for the same losses,
    # and its frames differ more.
    momentum: Annotated[
        Number, Field(ge=0.0, lt=1.0), say("The share of its last move that a step keeps.")
    ] = 0.7
    # More than 40 changes little to the eye.
    first_steps: Annotated[Steps, say("Steps on the first frame of a shot.")] = 40
    # It starts from the previous result.
    steps: Annotated[
        Steps, say("Steps on each later frame; more where γ moves.", Mark.CLIPS, Mark.FOLLOWS)
    ] = 6
    # With 0.005 a scene that stands still takes two steps a frame.
    settled: Annotated[
        Number,
        Field(ge=0.0, lt=1.0),
        say(
            "A later frame is done when a step takes less than this share off its loss.",
            Mark.FOLLOWS,
        ),
    ] = 0.005
    first_rate: Annotated[Positive, say("Learning rate of a first frame, in pixel values.")] = 5.0
    # Times the root of the share of style that is missing, so that a settled picture stays.
    rate: Annotated[
        Positive, say("Learning rate of later frames where the paint is settled.", Mark.FOLLOWS)
    ] = 2.0
    # At 6 what is uncovered flickers, at 2 a fade does a little; at 1 what is uncovered stays pale.
    fresh_rate: Annotated[
        Positive,
        say(
            "Learning rate of fresh paint: uncovered areas, and all of it while γ moves.",
            Mark.FOLLOWS,
        ),
    ] = 1.5
    rate_decay: Annotated[
        Number, Field(gt=0.0, le=1.0), say("The factor on the rate for each 100 steps.")
    ] = 0.6

    # Passage, size and shots; gamma, sigma, cuts and size stay the whole clip's in a passage.
    start: Annotated[Moment | None, say("Render from this time on.", Mark.CLIPS)] = None
    end: Annotated[Moment | None, say("Render up to this time.", Mark.CLIPS)] = None
    # None: MAX_SIDE of the device.
    max_side: Annotated[
        Annotated[Whole, Field(ge=32, le=16384)] | None,
        say("Longer side of the working size, in pixels; never enlarges.", Mark.QUALITY),
    ] = None
    output_size: Annotated[
        Annotated[Literal["source"] | tuple[Side, Side] | None, BeforeValidator(read_size)],
        say("Size of the clip that is written (default: the working size).", Mark.CLIPS),
    ] = None
    cuts: Annotated[
        Annotated[Literal["auto", "none"] | tuple[Moment, ...], BeforeValidator(read_cuts)],
        say(
            "Where shots begin: found in the picture, nowhere, or at these times.",
            Mark.FRAMES,
            Mark.CLIPS,
        ),
    ] = "auto"
    # None: a shot is one chain, without a seam.
    segments: Annotated[
        Annotated[Number, Field(ge=1.0, le=86400.0)] | None,
        say(
            "Divide longer shots into pieces of so many seconds, painted at once.",
            Mark.FRAMES,
            Mark.CLIPS,
        ),
    ] = None
    # None: by the output's extension, see `CONTAINERS`.
    codec: Annotated[
        Annotated[str, AfterValidator(check_codec)] | None,
        say(
            "h264, h265, prores, ffv1, vp9, av1, or a hardware encoder, such as h264_nvenc.",
            Mark.CLIPS,
        ),
    ] = None
    # None: the codec's own, see `CODECS`.
    crf: Annotated[
        Annotated[Whole, Field(ge=0, le=63)] | None,
        say(
            "The encoder's quality, such as 18: less is better and larger.",
            Mark.QUALITY,
            Mark.CLIPS,
        ),
    ] = None
    encoder_preset: Annotated[
        str | None,
        say("The encoder's own preset, such as slow: smaller files in more time.", Mark.CLIPS),
    ] = None
    no_audio: Annotated[
        Annotated[bool, Field(strict=True)], say("Write a clip without sound.", Mark.CLIPS)
    ] = False

    # Machine
    device: Annotated[str, say("auto, cpu, cuda, cuda:1 or mps.")] = "auto"
    precision: Annotated[Literal["auto", "float32", "bf16"], say("auto, float32 or bf16.")] = "auto"
    threads: Annotated[
        Annotated[Whole, Field(ge=1, le=1024)] | None, say("CPU threads (default: all cores).")
    ] = None
    # None: what half of the memory holds.
    tile: Annotated[
        Positive | None,
        say("Megapixels looked at in one go; a larger picture is, in tiles, with one result."),
    ] = None
    weights: Annotated[str, say("VGG-19's weights.")] = "packaged"

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, values: Any) -> Any:
        return spell_out(values) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _something_pulls(self) -> Self:
        if self.style_weight == 0.0 and self.content_weight == 0.0:
            raise ValueError("style_weight and content_weight cannot both be 0")
        return self

    @model_validator(mode="after")
    def _shares_are_of_relative_losses(self) -> Self:
        if self.losses == "article" and self.layer_shares != STROKES["even"]:
            raise ValueError(
                "layer_shares and strokes are of the relative losses: the article's weights stand "
                "in its formula"
            )
        return self

    @model_validator(mode="after")
    def _masks_go_together(self) -> Self:
        if self.gamma_mask is not None and self.wipe is not None:
            raise ValueError("a wipe is a mask of γ: give wipe or gamma_mask, not both")
        if self.content_mask is not None and self.losses == "article":
            raise ValueError("content_mask is of the relative losses: the article keeps nothing")
        return self

    @model_validator(mode="after")
    def _a_model_paints_frames_after_frames(self) -> Self:
        if self.model is None and self.polish:
            raise ValueError("polish goes on from a model's picture: give one")
        if self.model is not None and self.losses == "article":
            raise ValueError("a model was trained with the relative losses, not the article's")
        return self

    @property
    def styles(self) -> tuple[Path, ...]:
        """All style images, in order."""
        return (self.style1, self.style2, *self.more_styles)

    @property
    def timeline(self) -> TimelineOptions:
        """What γ over time obeys."""
        return self._group(TimelineOptions, styles=len(self.styles))

    @property
    def paint(self) -> Paint:
        """What painting obeys."""
        return self._group(Paint)

    @property
    def input(self) -> InputOptions:
        """What reading a clip obeys."""
        return self._group(InputOptions)

    @property
    def masks(self) -> MaskOptions:
        """What each part of a picture is painted with."""
        return self._group(MaskOptions)

    @property
    def machine(self) -> Machine:
        """What the network runs on."""
        return self._group(Machine)

    @property
    def encoder(self) -> EncoderSettings:
        """What is asked of the encoder."""
        return EncoderSettings(self.codec, self.crf, self.encoder_preset, not self.no_audio)

    def _group(self, kind: Callable[..., Group], **more: Any) -> Group:
        names = inspect.signature(kind).parameters.keys() - more.keys()
        return kind(**{name: getattr(self, name) for name in names}, **more)

    def on(self, machine: Machine) -> "Options":
        """The same on another machine."""
        if machine == self.machine:
            return self
        return self.model_copy(update=asdict(machine))

    def side(self, kind: str) -> int:
        """The most pixels of a clip's longer side in work, on a kind of device."""
        return self.max_side or MAX_SIDE[kind]

    def still_side(self, kind: str) -> int:
        """The same of a still."""
        return self.max_side or STILL_SIDE[kind]


# Of sweeps: seconds and frames a second of a moving one, pictures in a row of a sheet.
SWEEP_SECONDS, SWEEP_FPS, SHEET_PICTURES = 4.0, Fraction(24), 11

# Longer side of the working size by kind of device, for seconds a frame rather than minutes.
MAX_SIDE: Mapping[str, int] = {"cpu": 384, "mps": 640, "cuda": 1280}

# The same for a still, of which there is one.
STILL_SIDE: Mapping[str, int] = {"cpu": 1024, "mps": 1536, "cuda": 2048}

# Shipped presets set options of one of these kinds, and no other.
TIMING = frozenset(field.name for field in fields(TimelineOptions)) - {"styles"} | marked(
    Mark.TIMING
)
QUALITY = frozenset(field.name for field in fields(Paint)) | marked(Mark.QUALITY)
