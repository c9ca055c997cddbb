"""The kinds of clips that are written: containers by their extension, and the codecs in them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnst_video.errors import UsageError

# Sound that is without loss, besides PCM.
LOSSLESS = frozenset({"flac", "alac", "wavpack", "tta", "ape", "truehd", "mlp"})
# ffmpeg's encoders of sound, with their bits a second; and the layouts that libopus has.
SOUND_ENCODERS = {
    "aac": ("aac", "256k"),
    "opus": ("libopus", "192k"),
    "flac": ("flac", ""),
    "pcm_s24le": ("pcm_s24le", ""),
}
OPUS_LAYOUTS = "aformat=channel_layouts=7.1|6.1|5.1|5.0|quad|3.0|stereo|mono"


@dataclass(frozen=True)
class Codec:
    """How ffmpeg encodes pictures.

    family: what is in the file, whichever encoder made it.
    encoder: as ffmpeg calls it.
    pixels, alpha: the pixel formats of opaque pictures and of those with opacity; "": none.
    quality: the arguments for a number of which less is better; None: there is no such number.
    crf, best, worst: that number where none is asked for, and its range.
    preset, presets: ffmpeg's option for the encoder's own presets, and their names.
    more: other arguments. filters: the last ones. before: arguments before the input.
    share: how large a clip is against its frames as PNG, about.
    """

    family: str
    encoder: str
    pixels: str = "yuv420p"
    alpha: str = ""
    quality: Callable[[int], str] | None = None
    crf: int = 0
    best: int = 0
    worst: int = 51
    preset: str = "-preset"
    presets: tuple[str, ...] = ()
    more: str = ""
    filters: str = ""
    before: str = ""
    share: float = 0.1

    @property
    def is_hardware(self) -> bool:
        return self.encoder.partition("_")[2] in _MAKERS

    @property
    def is_yuv(self) -> bool:
        return self.pixels.startswith(("yuv", "nv"))


_X26X = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
_MAKERS = ("nvenc", "qsv", "amf", "vaapi", "videotoolbox")
_FAMILIES = {"h264": "h264", "hevc": "h265", "av1": "av1"}


def _crf(number: int) -> str:
    return f"-crf {number}"


# Numbers that are hard to tell from the original, even with grain: x264's 18, and what has its
# PSNR on painted frames in the others; hardware was not measured.
CODECS: dict[str, Codec] = {
    "h264": Codec("h264", "libx264", quality=_crf, crf=18, presets=_X26X),
    "h265": Codec(
        "h265",
        "libx265",
        quality=_crf,
        crf=19,
        presets=_X26X,
        more="-x265-params log-level=error",
    ),
    # Profiles follow from the pixels: 422 HQ, or 4444.
    "prores": Codec(
        "prores", "prores_ks", "yuv422p10le", "yuva444p10le", more="-vendor apl0", share=0.4
    ),
    # Each frame for itself, and checked: what is kept for long, and what is cut.
    "ffv1": Codec("ffv1", "ffv1", "bgr0", "bgra", more="-level 3 -g 1 -slicecrc 1", share=0.6),
    "vp9": Codec(
        "vp9",
        "libvpx-vp9",
        alpha="yuva420p",
        quality=lambda number: f"-crf {number} -b:v 0",
        crf=25,
        worst=63,
        preset="-cpu-used",
        presets=tuple(map(str, range(9))),
        more="-row-mt 1",
    ),
    # Ten bits cost nothing here, and smooth paint has no bands.
    "av1": Codec(
        "av1",
        "libsvtav1",
        "yuv420p10le",
        quality=_crf,
        crf=25,
        worst=63,
        presets=tuple(map(str, range(14))),
    ),
    # A palette for each frame: one for all would need them all at once.
    "gif": Codec(
        "gif",
        "gif",
        "",
        share=0.4,
        more="-gifflags -offsetting-transdiff",  # wrong where a frame has the first one's palette
        filters="split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1",
    ),
    # libwebp makes YUV of RGB as the format wants it, which is not BT.709.
    "webp": Codec("webp", "libwebp_anim", "bgra", "bgra", more="-quality 90", share=0.15),
}
for _name, _family in _FAMILIES.items():
    CODECS[f"{_name}_nvenc"] = Codec(
        _family,
        f"{_name}_nvenc",
        quality=lambda number: f"-rc vbr -cq {number} -b:v 0",
        crf=19,
        best=1,  # 0 is automatic
        presets=("p1", "p2", "p3", "p4", "p5", "p6", "p7"),
    )
    CODECS[f"{_name}_qsv"] = Codec(
        _family,
        f"{_name}_qsv",
        "nv12",
        quality=lambda number: f"-global_quality {number}",
        crf=19,
        best=1,
        presets=_X26X[2:-1],
    )
    CODECS[f"{_name}_amf"] = Codec(
        _family,
        f"{_name}_amf",
        "nv12",
        quality=lambda number: f"-rc qvbr -qvbr_quality_level {number}",
        crf=19,
        preset="-quality",
        presets=("speed", "balanced", "quality"),
    )
for _name in ("h264", "hevc"):
    CODECS[f"{_name}_vaapi"] = Codec(
        _FAMILIES[_name],
        f"{_name}_vaapi",
        "nv12",
        quality=lambda number: f"-rc_mode CQP -qp {number}",
        crf=19,
        best=1,
        filters="hwupload",
        before="-init_hw_device vaapi=gpu -filter_hw_device gpu",
    )
    CODECS[f"{_name}_videotoolbox"] = Codec(
        _FAMILIES[_name],
        f"{_name}_videotoolbox",
        quality=lambda number: f"-q:v {100 - 2 * number}",  # where more is better
        crf=18,
        worst=49,
    )


@dataclass(frozen=True)
class Container:
    """A kind of file.

    muxer: as ffmpeg calls it.
    families: what it holds, by default the first. alpha: whether it holds opacity with that.
    sounds: codecs that it takes as they are; lossy, lossless: what others become, by what they are.
    subtitles: the kinds of text that it takes; others become the first. chapters, cover: whether it
        holds them.
    more: other arguments.
    """

    muxer: str
    families: tuple[str, ...]
    alpha: bool = False
    sounds: frozenset[str] = frozenset()
    lossy: str = ""
    lossless: str = ""
    subtitles: tuple[str, ...] = ()
    chapters: bool = False
    cover: bool = False
    more: str = ""


_MP4_SOUNDS = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
_PCM = {f"pcm_{kind}" for kind in ("u8", "s16le", "s24le", "s32le", "f32le", "f64le")}
_BIG_PCM = {f"pcm_{kind}" for kind in ("s16be", "s24be", "s32be")}
_MP4 = Container(
    "mp4",
    ("h264", "h265", "av1", "vp9"),
    sounds=_MP4_SOUNDS,
    lossy="aac",
    lossless="aac",
    subtitles=("mov_text",),
    chapters=True,
    cover=True,
    more="-movflags +faststart",
)

CONTAINERS: dict[str, Container] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container(
        "mov",
        ("prores", "h264", "h265"),
        alpha=True,
        sounds=_MP4_SOUNDS | _PCM | _BIG_PCM,
        lossy="aac",
        lossless="pcm_s24le",
        subtitles=("mov_text",),
        chapters=True,
        more="-movflags +faststart",
    ),
    ".mkv": Container(
        "matroska",
        ("ffv1", "h264", "h265", "vp9", "av1", "prores"),
        alpha=True,
        sounds=_MP4_SOUNDS
        | _PCM
        | _BIG_PCM
        | {"mp2", "flac", "opus", "vorbis", "dts", "truehd", "mlp", "wavpack", "tta"},
        lossy="aac",
        lossless="flac",
        subtitles=("subrip", "ass", "ssa", "webvtt"),
        chapters=True,
    ),
    ".webm": Container(
        "webm",
        ("vp9", "av1"),
        alpha=True,
        sounds=frozenset({"opus", "vorbis"}),
        lossy="opus",
        lossless="opus",
        subtitles=("webvtt",),
        chapters=True,
    ),
    ".gif": Container("gif", ("gif",)),
    # Over and over, as a GIF is without being told.
    ".webp": Container("webp", ("webp",), alpha=True, more="-loop 0"),
}


@dataclass(frozen=True)
class EncoderSettings:
    """What is asked of the encoder; None: what the file's extension comes to.

    codec: of `CODECS`. preset: of the codec's own. audio: whether the clip has sound.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    audio: bool = True


@dataclass(frozen=True)
class Format:
    """How a clip is written: container, codec, and what the codec is told."""

    container: Container
    codec: Codec
    crf: int
    preset: str | None

    @property
    def holds_opacity(self) -> bool:
        return self.container.alpha and bool(self.codec.alpha)

    def padded(self, size: tuple[int, int], opacity: bool) -> tuple[int, int]:
        """(width, height) of the pictures in the file: even where colour has half the resolution.

        ffmpeg would cut an odd picture's last row or column off.
        """
        pixels = self.codec.alpha if opacity else self.codec.pixels
        width, height = size
        if self.codec.is_yuv and "444" not in pixels:
            width += width % 2
            height += height % 2 if "422" not in pixels else 0
        return width, height

    @property
    def arguments(self) -> list[str]:
        """Those of ffmpeg, but for pixels and colours."""
        codec, container = self.codec, self.container
        words = ["-c:v:0", codec.encoder, *codec.more.split(), *container.more.split()]
        if codec.quality is not None:
            words += codec.quality(self.crf).split()
        if self.preset is not None:
            words += [codec.preset, self.preset]
        if codec.family == "h265" and container.muxer in ("mp4", "mov"):
            words += ["-tag:v:0", "hvc1"]  # Apple's players take no other
        return words


def is_clip(path: Path) -> bool:
    """Whether a name has the extension of a container."""
    return path.suffix.lower() in CONTAINERS


def format_of(path: Path, asked: EncoderSettings) -> Format:
    """How a clip is written that has a name. Raises UsageError."""
    extension = path.suffix.lower()
    container = CONTAINERS.get(extension)
    if container is None:
        known = ", ".join(CONTAINERS)
        raise UsageError(
            f"{path}: unknown kind of video; use one of {known}, or for pictures a folder or a "
            "pattern, such as shot.%04d.png"
        )
    name = asked.codec or container.families[0]
    codec = CODECS[name]
    if codec.family not in container.families:
        holds = ", ".join(key for key, c in CONTAINERS.items() if codec.family in c.families)
        raise UsageError(f"--codec {name}: {extension} does not hold it; use {holds}")
    crf = codec.crf if asked.crf is None else asked.crf
    if codec.quality is not None and not codec.best <= crf <= codec.worst:
        raise UsageError(f"--crf {crf}: {name} has {codec.best} to {codec.worst}")
    if asked.preset is not None and asked.preset not in codec.presets:
        known = f"has {', '.join(codec.presets)}" if codec.presets else "has no presets"
        raise UsageError(f"--encoder-preset {asked.preset}: {name} {known}")
    return Format(container, codec, crf, asked.preset)
