"""The most that is opened without being asked."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mnst_video.errors import InputError

# What is opened without being asked: megapixels of a frame, frames, and seconds. A file of a few
# bytes can claim any of them. `max_pixels` raises all three in proportion.
MAX_PIXELS, MAX_FRAMES, MAX_SECONDS = 36.0, 1_000_000, 24 * 3600


@dataclass(frozen=True)
class Limits:
    """The most that is opened: pixels of a frame, frames, seconds."""

    pixels: float
    frames: int
    seconds: float

    @classmethod
    def of(cls, max_pixels: float | None) -> "Limits":
        """Those for a number of megapixels a frame, or the default ones."""
        factor = max(1.0, (max_pixels or MAX_PIXELS) / MAX_PIXELS)
        pixels = (max_pixels or MAX_PIXELS) * 1e6
        return cls(pixels, round(MAX_FRAMES * factor), MAX_SECONDS * factor)

    def check_size(self, path: Path, width: int, height: int) -> None:
        """Raise InputError for a frame that is too large."""
        if width * height > self.pixels:
            have = width * height / 1e6
            raise InputError(
                f"{path}: {width}×{height} is more than {self.pixels / 1e6:g} megapixels a frame; "
                f"if it is meant, give --max-pixels {have + 1:.0f}"
            )

    def check_length(self, path: Path, frames: int, seconds: Fraction) -> None:
        """Raise InputError for too many frames, or too long a time."""
        if frames > self.frames or seconds > self.seconds:
            raise InputError(
                f"{path}: has more than {self.frames} frames or {self.seconds / 3600:g} hours; if "
                f"it is meant, give --max-pixels {2 * max(self.pixels / 1e6, MAX_PIXELS):g}, which "
                "raises these limits too"
            )
