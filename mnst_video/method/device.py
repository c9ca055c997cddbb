"""Which device and precision an optimisation runs in, what its memory holds, pictures on it."""

import contextlib
import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnst_video.errors import UsageError

# What the losses of a picture with their gradient take, in bytes a pixel: 2090 and 3760 were
# measured on a CPU, some of it not in use but kept (`_keep_memory`).
BYTES_PER_PIXEL = {torch.bfloat16: 2200, torch.float32: 4000}
# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# Where Linux says what a container may use.
CGROUP = Path("/sys/fs/cgroup/memory.max")

# What is said where there is no memory, by torch on a CPU under Unix and Windows, and on MPS; by
# OpenCV; by oneDNN, which gives no other reason.
OUT_OF_MEMORY = (
    *("allocate memory", "not enough memory", "out of memory", "Insufficient memory"),
    "could not create a primitive",
)


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`: auto, cpu, cuda, cuda:1, mps. Auto prefers CUDA, then MPS.

    Raises UsageError where there is no such device on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"--device {name}: unknown; use auto, cpu, cuda or mps") from None
    there = {
        "cpu": True,
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise UsageError(f"--device {name}: this machine has no such device; use auto or cpu")
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The convolutions' type for `name`: auto, float32 or bf16.

    Auto takes bf16 where the hardware multiplies it directly: two to three times faster there,
    slower elsewhere. The image, its Grams and its losses are float32 in either.
    """
    if name == "bf16" or (name == "auto" and _has_bf16(device)):
        return torch.bfloat16
    return torch.float32


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # torch has no public name for this question before 2.10.
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return bool(supported and supported())
    return False


def memory(device: torch.device) -> tuple[int, int]:
    """The memory of a device that this process may use, and what is free of it, in bytes."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total, free + torch.cuda.memory_reserved(device)
    import psutil  # here, as the core is to import with torch and numpy alone

    machine = psutil.virtual_memory()
    total, used = machine.total, psutil.Process().memory_info()
    limits = [(total, machine.available)]
    with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
        allowed = int(CGROUP.read_text())
        limits.append((allowed, allowed - used.rss))
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
        if allowed != resource.RLIM_INFINITY:
            limits.append((allowed, allowed - used.vms))
    return min(limit for limit, _ in limits), max(0, min(free for _, free in limits))


def pixels_at_once(device: torch.device, dtype: torch.dtype) -> float:
    """The area of picture for whose losses half of the device's memory is enough.

    Of all its memory, not of what is free: another time the same picture must give the same bytes.
    """
    total, _ = memory(device)
    return total / 2 / BYTES_PER_PIXEL[dtype]


def leaves_cores_idle(device: torch.device) -> bool:
    """Whether this machine's processor has nothing to do while the device works."""
    return device.type == "cuda"


def cores() -> int:
    """The cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """The device and precision in words: `CPU (2 threads), bf16`."""
    precision = "bf16" if dtype == torch.bfloat16 else "float32"
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {precision}"
    if device.type == "cpu":
        return f"CPU ({torch.get_num_threads()} threads), {precision}"
    return f"{device.type.upper()}, {precision}"


def _keep_memory() -> None:
    """Have glibc keep what is freed. It gives blocks from 32 MB on back to the system at once, and
    the page faults of new ones are a fifth of a step's time at 1280x720."""
    with contextlib.suppress(OSError, AttributeError):  # another libc
        libc, most = ctypes.CDLL("libc.so.6"), 2**31 - 1
        # glibc before 2.35 takes no more than 32 MB, which would undo what it does by itself.
        if libc.mallopt(M_MMAP_THRESHOLD, most):
            libc.mallopt(M_TRIM_THRESHOLD, most)


def prepare_device(device: torch.device, threads: int | None) -> None:
    """Set the threads, and on CUDA the deterministic algorithms that resuming needs.

    Both hold for the whole process. cuBLAS is deterministic only if it was not used before.
    """
    torch.set_num_threads(threads or cores())
    if device.type == "cpu" and sys.platform == "linux":
        _keep_memory()
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False  # float32 is to mean float32
        torch.use_deterministic_algorithms(True)


def lacks_memory(error: Exception) -> bool:
    """Whether an error means that memory has run out."""
    # On a GPU torch has a class for it; on a CPU it raises a plain RuntimeError.
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or any(words in str(error) for words in OUT_OF_MEMORY)


def to_image(picture: NDArray[Any], device: torch.device) -> Tensor:
    """A picture `(H, W, C)` of any type as a float32 image `(1, C, H, W)` on a device."""
    tensor = torch.from_numpy(np.array(picture, copy=True)).to(device)
    return tensor.permute(2, 0, 1)[None].float().contiguous()


def to_picture(image: Tensor) -> NDArray[np.float32]:
    """The image `(1, 3, H, W)` as float32 `(H, W, 3)`."""
    return np.asarray(image[0].permute(1, 2, 0).contiguous().cpu().numpy(), np.float32)
