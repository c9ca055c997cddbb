"""Stills: load and save pictures, and fit a style image to a working size."""

import contextlib
import importlib
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageColor, ImageOps, UnidentifiedImageError

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.media.files import check_name, write_bytes
from mnst_video.media.frames import Frame
from mnst_video.media.input.settings import GROUND

# Kinds of pictures, as Pillow names them. Not among them: EPS, which is a program that Pillow would
# run with Ghostscript, and kinds whose readers are seldom used.
KINDS = (
    *("PNG", "JPEG", "MPO", "TIFF", "WEBP", "GIF", "BMP", "AVIF", "JPEG2000", "PPM", "TGA", "ICO"),
    "HEIF",  # where pillow-heif is installed
)
# Pictures of phones, which Pillow reads with pillow-heif.
HEIC = frozenset({".heic", ".heif", ".hif"})
# What to do with what is no picture, or none that is read, by its extension.
ADVICE = {
    ".svg": "it is a drawing: export it as PNG",
    ".eps": "it is a drawing: export it as PNG",
    ".pdf": "export its page as PNG",
    ".psd": "export it as PNG or TIFF",
    ".exr": "save it with 8 or 16 bits, as PNG or TIFF",
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf"), "develop it into a TIFF"),
    **dict.fromkeys(
        HEIC, "it needs the extra heic: pip install 'mnst-video[heic]', or save it as JPEG"
    ),
}
# Megapixels that a picture may have without being asked: Pillow's own limit.
MOST_PIXELS = (Image.MAX_IMAGE_PIXELS or 0) / 1e6

# The name of a chunk of our own in a PNG, and the bytes of its last chunk, IEND.
NOTE, END_SIZE = b"mnSt", 12

_limit = threading.Lock()


@dataclass(frozen=True)
class Photo:
    """A picture, uint8 `(H, W, 3)`, RGB, and its opacity, uint8 `(H, W)`; None: it is opaque."""

    frame: Frame
    alpha: Frame | None = None

    @property
    def opacity(self) -> Frame:
        """The opacity of each place, uint8 `(H, W)`, 255 is opaque."""
        opaque = np.full(self.frame.shape[:2], 255, np.uint8)
        return opaque if self.alpha is None else self.alpha

    def on(self, matte: str) -> Frame:
        """The picture on a ground of a colour, such as `white` or `#20202f`. Raises ValueError."""
        if self.alpha is None:
            return self.frame
        composed = np.empty_like(self.frame)
        for channel, ground in enumerate(ImageColor.getrgb(matte)[:3]):  # large pictures fit too
            part = self.frame[..., channel].astype(np.uint16) * self.alpha
            part += ground * (255 - self.alpha.astype(np.uint16)) + np.uint16(127)
            composed[..., channel] = part // 255
        return composed


def load_image(path: Path | str) -> Frame:
    """The picture in a file as uint8 `(H, W, 3)`, RGB: upright, in sRGB, alpha composed on white.

    Raises InputError where there is no such file or it is no picture.
    """
    return load_photo(path).on(GROUND)


def load_photo(path: Path | str, max_pixels: float | None = None) -> Photo:
    """The picture in a file, of an animation the first one: upright, in sRGB.

    max_pixels: the most megapixels that it may have; default, and at least, `MOST_PIXELS`.
    Raises InputError where there is no such file or it is no picture.
    """
    path = Path(path)
    with reading(path, max_pixels) as picture:
        return photo_in(picture, path)


@contextlib.contextmanager
def reading(path: Path, max_pixels: float | None) -> Iterator[Image.Image]:
    """An open picture; what fails while the block reads it is told as for `load_photo`."""
    check_name(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such picture")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder, not a picture")
    if not path.is_file():
        raise InputError(f"{path}: this is not a file")  # a pipe would be waited for
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged tags that we do not need
            with _opened(path) as picture:
                most = max(MOST_PIXELS, max_pixels or 0.0)
                if picture.width * picture.height > most * 1e6:
                    raise InputError(
                        f"{path}: the picture is too large, of more than {most:.0f} megapixels; "
                        "scale it down first"
                    )
                yield picture
    except UnidentifiedImageError:
        advice = ADVICE.get(path.suffix.lower(), "save it as PNG, JPEG, TIFF or WebP")
        raise InputError(f"{path}: this is not a picture that can be read; {advice}") from None
    except MemoryError:
        raise MachineError(f"{path}: no memory is left for this picture; scale it down") from None
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError) as error:
        raise InputError(f"{path}: the picture cannot be read ({error})") from None


def _opened(path: Path) -> Image.Image:
    """A picture of a kind that is read, without Pillow's own limit of its size."""
    Image.init()
    if path.suffix.lower() in HEIC:
        with contextlib.suppress(ImportError):
            importlib.import_module("pillow_heif").register_heif_opener()
    with _limit:  # it is one for the whole process
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path, formats=[kind for kind in KINDS if kind in Image.OPEN])
        finally:
            Image.MAX_IMAGE_PIXELS = before


def photo_in(picture: Image.Image, path: Path) -> Photo:
    """What an open picture shows: upright, in sRGB. Raises InputError, or what Pillow raises."""
    if picture.mode == "F":
        raise InputError(
            f"{path}: has floating-point values, whose range is not known; save it with 8 or 16 "
            "bits"
        )
    upright = _in_srgb(ImageOps.exif_transpose(picture))
    if upright.mode.startswith("I"):  # Pillow would clip 16 bits at 255
        levels = (np.asarray(upright) / 257).round().clip(0, 255)
        upright = Image.fromarray(levels.astype(np.uint8))
    pixels = np.asarray(upright.convert("RGBA"))
    alpha = pixels[..., 3]
    frame = np.ascontiguousarray(pixels[..., :3])
    return Photo(frame, None if alpha.min() == 255 else np.ascontiguousarray(alpha))


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The picture with the colours that its profile means; itself where it has none that works."""
    profile = picture.info.get("icc_profile")
    if picture.mode == "P" and profile:
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    if not profile or picture.mode not in ("RGB", "RGBA", "L", "LA", "CMYK"):
        return picture
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    try:
        own = ImageCms.ImageCmsProfile(BytesIO(profile))
        colors = picture.convert(picture.mode[:-1]) if alpha else picture
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(colors, own, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return picture  # damaged, or of another kind of colour: as if it were not there
    if converted is None:
        return picture
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def save_image(
    frame: Frame | NDArray[np.uint16], path: Path | str, alpha: Frame | None = None
) -> None:
    """Write a picture in the format of the extension, complete or not at all.

    frame: uint8 or, for .png and .tif, uint16, `(H, W, 3)`, RGB; alpha: uint8 `(H, W)`.
    Raises UsageError for an unknown extension, MachineError where the file cannot be written.
    """
    path = Path(path)
    try:
        encoded = encode_image(frame, path.suffix.lower(), alpha)
    except ValueError:
        raise UsageError(f"{path}: unknown kind of picture; use .png, .jpg or .tif") from None
    write_bytes(path, encoded)


def encode_image(
    frame: Frame | NDArray[np.uint16], extension: str, alpha: Frame | None = None
) -> bytes:
    """A picture as a file's bytes, see `save_image`. Raises ValueError for an extension."""
    channels = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    if alpha is not None:
        opacity = alpha if frame.dtype == np.uint8 else alpha.astype(np.uint16) * 257
        channels = np.dstack([channels, opacity])
    settings = [cv2.IMWRITE_JPEG_QUALITY, 95] if extension in (".jpg", ".jpeg") else []
    try:
        done, encoded = cv2.imencode(extension, channels, settings)
    except cv2.error:
        done = False
    if not done:
        raise ValueError(f"{extension} is no kind of picture that can be written")
    return encoded.tobytes()


def with_note(png: bytes, note: bytes) -> bytes:
    """A PNG that has a note for this program, which others pass over; see `note_of`.

    It is a private, ancillary chunk before the last one (PNG specification, section 4.7).
    """
    body = NOTE + zlib.compress(note)
    chunk = struct.pack(">I", len(body) - len(NOTE)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:-END_SIZE] + chunk + png[-END_SIZE:]


def note_of(png: bytes) -> bytes | None:
    """The note of `with_note`; None where there is none."""
    at = 8  # after the signature
    while at + 8 <= len(png):
        (length,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        if kind == NOTE:
            return zlib.decompress(png[at + 8 : at + 8 + length])
        at += 12 + length
    return None


def load_frame(path: Path) -> Frame:
    """A frame that `save_image` wrote as PNG, to the byte. Raises InputError."""
    try:
        return decode_frame(path.read_bytes())
    except (OSError, ValueError):
        raise InputError(
            f"{path}: this frame is missing or damaged; give the same command again to make it anew"
        ) from None


def decode_frame(picture: bytes) -> Frame:
    """A frame from what `encode_image` made of it. Raises ValueError."""
    bgr = None
    with contextlib.suppress(cv2.error):  # from bytes: OpenCV takes only UTF-8 names
        bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("this is no picture")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
