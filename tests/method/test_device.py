import psutil
import pytest
import torch

from mnst_video.method import device
from mnst_video.method.device import BYTES_PER_PIXEL, memory, pixels_at_once

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_container(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "CGROUP", tmp_path / "memory.max")


def test_a_processors_memory_is_the_machines():
    total, free = memory(CPU)
    assert total == psutil.virtual_memory().total
    assert 0 < free < total


@pytest.mark.parametrize(("text", "limited"), [("4000000000\n", True), ("max\n", False)])
def test_a_container_may_have_less(text, limited):
    device.CGROUP.write_text(text)
    total, free = memory(CPU)
    assert (total == 4_000_000_000) == limited
    assert free < total  # what this process holds already is gone


def test_a_limit_on_the_process_counts(monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_000_000, 2_000_000))
    assert memory(CPU) == (1_000_000, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_picture_takes_half_of_the_memory_at_most(dtype):
    total, _ = memory(CPU)
    assert pixels_at_once(CPU, dtype) * BYTES_PER_PIXEL[dtype] == pytest.approx(total / 2)
