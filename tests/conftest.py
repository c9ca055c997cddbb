"""Fixtures that several test files share."""

import signal
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
import torch
from hypothesis import settings
from matplotlib.cbook import get_sample_data
from PIL import Image

from mnst_video.media.frames import Frame, resize
from mnst_video.media.images import load_image
from mnst_video.method.vgg import VGG19, Weights
from mnst_video.method.weights import load_weights
from mnst_video.options import Options

# A deadline measures the machine, which may be busy.
settings.register_profile("here", deadline=None, max_examples=50)
settings.load_profile("here")


@pytest.fixture(autouse=True, scope="session")
def interrupts_are_heard() -> None:
    """A shell without job control starts what runs in the background with SIGINT ignored, and
    whatever that starts inherits it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Pictures here are so small that threads would mostly wait for one another."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def weights() -> Weights:
    return load_weights()


@pytest.fixture(scope="session")
def network(weights: Weights) -> VGG19:
    return VGG19(weights)


@pytest.fixture(scope="session")
def texture() -> Callable[..., Frame]:
    """texture(width, height, seed, blur): smooth noise that uses all of 0..255."""

    def make(width: int, height: int, seed: int = 0, blur: float = 2.0) -> Frame:
        noise = np.random.default_rng(seed).uniform(size=(height, width, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), blur)
        smooth -= smooth.min()
        return (smooth / smooth.max() * 255.0).round().astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def portrait() -> Frame:
    """Rear Admiral Hopper, as matplotlib has her: 128 x 150 pixels, a face of 44."""
    picture = get_sample_data("grace_hopper.jpg", asfileobj=False)
    return resize(load_image(Path(picture)), 128, 150)


@pytest.fixture(scope="session")
def as_image() -> Callable[[Frame], torch.Tensor]:
    """A frame `(H, W, 3)` as a float32 image `(1, 3, H, W)`."""
    return lambda frame: torch.from_numpy(frame.transpose(2, 0, 1)[None].astype(np.float32))


# Tiny clips and pictures, made when they are needed: nothing is fetched, nothing is stored.
MakeClip = Callable[..., Path]


def _ffmpeg(*arguments: object) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    done = subprocess.run([*command, *map(str, arguments)], stdout=subprocess.PIPE, check=True)
    return done.stdout


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., bytes]:
    """Runs ffmpeg with some arguments; returns what it writes to standard output."""
    return _ffmpeg


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Makes a clip: a moving test picture and a sine, H.264 and the container's usual sound."""

    def make(
        name: str = "clip.mp4",
        frames: int = 6,
        fps: str = "24",
        size: tuple[int, int] = (64, 48),
        audio: bool = True,
        picture: str = "testsrc2",
        extra: tuple[object, ...] = (),
    ) -> Path:
        """`picture` is a lavfi source without size and rate; `extra` are output options."""
        path = tmp_path / name
        separator = ":" if "=" in picture else "="
        video = f"{picture}{separator}s={size[0]}x{size[1]}:r={fps}"
        seconds = float(frames / Fraction(fps))
        sound = ("-f", "lavfi", "-i", f"sine=r=48000:d={seconds}") if audio else ()
        _ffmpeg(
            *("-f", "lavfi", "-i", video, *sound, "-frames:v", frames),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
            *extra,
            f"file:{path}",
        )
        return path

    return make


@pytest.fixture
def clip(make_clip: MakeClip) -> Path:
    """Six frames of 64 x 48 pixels, 24 a second, with sound."""
    return make_clip()


@pytest.fixture
def styles(tmp_path: Path) -> tuple[Path, Path]:
    """Two style pictures: coloured noise in large squares, and stripes."""
    noise = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)
    stripes = np.zeros((48, 64, 3), np.uint8)
    stripes[::6], stripes[1::6], stripes[:, ::8, 2] = (250, 200, 40), (30, 90, 160), 200
    paths = tmp_path / "noise.png", tmp_path / "stripes.png"
    Image.fromarray(noise.repeat(8, 0).repeat(8, 1)).save(paths[0])
    Image.fromarray(stripes).save(paths[1])
    return paths


@pytest.fixture
def quick(styles: tuple[Path, Path]) -> Callable[..., Options]:
    """Options of a render that takes a second; others are given by name."""

    def options(**given: object) -> Options:
        base = {
            "style1": styles[0],
            "style2": styles[1],
            "first_steps": 2,
            "steps": 1,
            "device": "cpu",
            "precision": "float32",
            "threads": 1,
            "cuts": "none",
            "max_side": 32,
        }
        return Options(**{**base, **given})

    return options


@pytest.fixture
def quick_flags(styles: tuple[Path, Path]) -> list[str]:
    """The same options as flags of the command line."""
    return [
        *("--style1", str(styles[0]), "--style2", str(styles[1])),
        *("--first-steps", "2", "--steps", "1", "--cuts", "none", "--max-side", "32"),
        *("--device", "cpu", "--precision", "float32", "--threads", "1"),
    ]
