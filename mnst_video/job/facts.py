"""What of a machine decides the bytes of frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import cv2
import numpy as np
import PIL
import torch

from mnst_video.method.device import describe, pick_device
from mnst_video.method.vgg import VGG19, tiles_of


@dataclass(frozen=True)
class Facts:
    """A machine, as painting uses it.

    device: its kind. processor: what of it decides rounding: a CPU's vector instructions, the model
        of a GPU. precision: of the convolutions. threads: of a CPU.
    most_pixels: the area of picture that is looked at in one go.
    weights: the digest of VGG-19's.
    versions: of the packages that have a say, by the names a person knows.
    shown: all that in words.
    """

    device: str
    processor: str
    precision: str
    threads: int | None
    most_pixels: float
    weights: str
    versions: Mapping[str, str]
    shown: str = ""

    @classmethod
    def of(cls, network: VGG19) -> "Facts":
        """Those of this process, with a network as it has it."""
        device = network.device
        return cls(
            device=device.type,
            processor=_processor(device),
            precision=str(network.dtype).removeprefix("torch."),
            threads=torch.get_num_threads() if device.type == "cpu" else None,
            most_pixels=network.most_pixels,
            weights=network.sha256,
            versions=versions_here(),
            shown=describe(device, network.dtype),
        )

    def across(self, devices: Sequence[str]) -> "Facts":
        """The same for several devices of this machine."""
        names = sorted({_processor(pick_device(name)) for name in devices})
        return replace(self, processor=", ".join(names))

    def settings(self, size: tuple[int, int]) -> dict[str, object]:
        """What of it decides the bytes of frames of a size, by the names a person knows."""
        return {
            "weights": self.weights,
            "device": self.device,
            "processor": self.processor,
            "precision": self.precision,
            "threads": self.threads,
            "tiles": len(tiles_of(size[1], size[0], self.most_pixels)),
            **self.versions,
        }


def versions_here() -> dict[str, str]:
    """The versions of this process, see `Facts`."""
    return {
        "mnst-video": version("mnst-video"),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def _processor(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else device.type
