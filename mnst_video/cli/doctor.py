"""What this machine has of what a render needs."""

import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, requires, version

import imageio_ffmpeg

from mnst_video.errors import MnstError
from mnst_video.method.device import describe, pick_device, pick_precision, prepare_device
from mnst_video.method.weights import load_weights, packaged_path
from mnst_video.model.base import BASE, load_base

# Extras that are not for those who use the program.
FOR_DEVELOPERS = frozenset({"test", "dev"})
PACKAGES = ("mnst-video", "torch", "torchvision", "opencv-python", "av", "numpy", "scenedetect")


def examine() -> list[tuple[str, str, bool]]:
    """Findings as (name, what was found, whether it is a problem)."""
    findings = [("python", f"{platform.python_version()}, {platform.platform()}", False)]
    for package in PACKAGES:
        try:
            findings.append((package, version(package), False))
        except PackageNotFoundError:
            findings.append((package, "not installed", True))
    device = pick_device()
    prepare_device(device, None)
    findings.append(("device", describe(device, pick_precision("auto", device)), False))
    try:
        load_weights()
        findings.append(("weights", f"{packaged_path()} (whole)", False))
    except MnstError as error:
        findings.append(("weights", str(error), True))
    try:
        load_base()
        findings.append(("base network", f"{BASE} (whole)", False))
    except MnstError as error:
        findings.append(("base network", str(error), True))
    findings.append(_ffmpeg())
    return findings + [(f"[{extra}]", found, False) for extra, found in _extras().items()]


def _extras() -> dict[str, str]:
    """What is there of each extra that a render may ask for."""
    found: dict[str, list[str]] = {}
    for line in requires("mnst-video") or ():
        match = re.match(r"""([\w.-]+)[^;]*;.*extra == ['"](\w+)['"]""", line)
        if match is None or match[2] in FOR_DEVELOPERS or match[1] == "mnst-video":
            continue
        try:
            word = f"{match[1]} {version(match[1])}"
        except PackageNotFoundError:
            word = f"{match[1]} is not installed"
        found.setdefault(match[2], []).append(word)
    return {extra: ", ".join(words) for extra, words in found.items()}


def _ffmpeg() -> tuple[str, str, bool]:
    try:
        path = imageio_ffmpeg.get_ffmpeg_exe()
        text = subprocess.run(
            [path, "-hide_banner", "-version"], capture_output=True, text=True, check=True
        ).stdout
        return ("ffmpeg", f"{text.splitlines()[0].split(' Copyright')[0]}, {path}", False)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        return ("ffmpeg", f"does not run ({error})", True)
