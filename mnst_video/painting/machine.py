"""The network as a machine's settings have it, and memory that runs out."""

import contextlib
import math
from collections.abc import Iterator

import cv2
import torch

from mnst_video.errors import MachineError
from mnst_video.method.device import (
    BYTES_PER_PIXEL,
    lacks_memory,
    memory,
    pick_device,
    pick_precision,
    pixels_at_once,
    prepare_device,
)
from mnst_video.method.vgg import VGG19
from mnst_video.method.weights import load_weights
from mnst_video.painting.settings import Machine


@contextlib.contextmanager
def memory_errors(machine: Machine) -> Iterator[None]:
    """Raise MachineError, with the size that would fit, where memory runs out."""
    device = pick_device(machine.device)
    _, free = memory(device)
    try:
        yield
    except (MemoryError, RuntimeError, cv2.error) as error:
        if not lacks_memory(error):
            raise
        # A fifth is left for what is no feature map.
        pixels = 0.8 * free / BYTES_PER_PIXEL[pick_precision(machine.precision, device)]
        width = max(32, int(math.sqrt(pixels * 16 / 9)) // 16 * 16)
        raise MachineError(
            f"out of memory: the {free / 1e9:.1f} GB that were free hold a picture of "
            f"{width}×{width * 9 // 16}; give --max-side {width}, or --tile {pixels / 2e6:.2f}"
        ) from None


def prepare_machine(machine: Machine) -> tuple[torch.device, torch.dtype]:
    """Set the threads, and give the device and the precision that are asked for."""
    device = pick_device(machine.device)
    prepare_device(device, machine.threads)
    cv2.setNumThreads(torch.get_num_threads())
    return device, pick_precision(machine.precision, device)


def load_network(machine: Machine) -> VGG19:
    """VGG-19 with the weights, device, precision, threads and tiles that are asked for."""
    device, dtype = prepare_machine(machine)
    most = pixels_at_once(device, dtype) if machine.tile is None else machine.tile * 1e6
    return VGG19(load_weights(machine.weights), device, dtype, most)
