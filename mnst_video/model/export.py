"""A model as ONNX, for other programs: built by hand, as it is small and its sizes are free.

image, float32 `(1, 3, H, W)`, RGB, 0..255, of any size; gamma, float32 `(1,)`; with more than
two paintings that is the position, from 1; painted, as the image.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnst_video.errors import MachineError
from mnst_video.media.files import write_bytes
from mnst_video.model.file import Model
from mnst_video.model.network import EPSILON, MIDDLE, REACH, SQUARE

OPSET = 17


class _Graph:
    """Nodes and constants, named as they come."""

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self._node, self._tensor = helper.make_node, numpy_helper.from_array
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: object, kind: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self._tensor(np.asarray(value, kind), name))
        return name

    def __call__(self, kind: str, *inputs: str, to: str | None = None, **settings: Any) -> str:
        """Add a node; the name of its result."""
        name = to or f"n{len(self.nodes)}"
        self.nodes.append(self._node(kind, list(inputs), [name], **settings))
        return name


def export_model(model: Model, path: Path) -> None:
    """Write a model as ONNX. Raises MachineError, as without the extra."""
    try:
        from onnx import TensorProto, checker, helper
    except ImportError:
        raise MachineError('ONNX needs onnx: pip install "mnst-video[onnx]"') from None
    graph = _Graph()
    weights = {
        name: value.detach().cpu().numpy() for name, value in model.network.state_dict().items()
    }
    mix = _mix(graph, model.scales)
    _network(graph, weights, mix, model.network.shape.blocks)
    number = TensorProto.FLOAT
    made = helper.make_graph(
        graph.nodes,
        "mnst-video",
        [
            helper.make_tensor_value_info("image", number, [1, 3, "height", "width"]),
            helper.make_tensor_value_info("gamma", number, [1]),
        ],
        [helper.make_tensor_value_info("painted", number, [1, 3, "height", "width"])],
        graph.constants,
    )
    whole = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mnst-video"
    )
    whole.ir_version = 8
    helper.set_model_props(whole, {"paintings": ", ".join(model.names)})
    checker.check_model(whole, full_check=True)
    write_bytes(path, whole.SerializeToString())


def _mix(graph: _Graph, scales: Sequence[Sequence[float]]) -> str:
    """The share of each painting, `(paintings,)`, at a gamma, or a position.

    Piecewise linear: a sum of ramps, of which each has a change of slope.
    """
    pairs, count = len(scales), len(scales[0])
    # Along the setlist: at each knot the shares of all paintings.
    knots, shares = [], []
    for pair, scale in enumerate(scales):
        for step in range(count - 1, -1, -1):
            if pair and step == count - 1:
                continue  # the end of the pair before
            gamma = step / (count - 1)
            knots.append(pair + 1.0 - gamma)
            row = np.zeros(pairs + 1)
            row[pair], row[pair + 1] = scale[step], 1.0 - scale[step]
            shares.append(row)
    # Gamma goes the other way: 1 is the first painting.
    place = "gamma"
    if pairs > 1:
        place = graph("Sub", "gamma", graph.constant([1.0]))
    else:
        place = graph("Sub", graph.constant([1.0]), "gamma")
    place = graph("Clip", place, graph.constant(0.0), graph.constant(float(pairs)))
    slopes = np.diff(np.array(shares), axis=0) / np.diff(knots)[:, None]
    bends = np.diff(slopes, axis=0, prepend=np.zeros((1, pairs + 1)))
    ramps = graph("Relu", graph("Sub", place, graph.constant(knots[:-1])))
    gone = graph("MatMul", ramps, graph.constant(bends))
    return graph("Add", graph.constant(shares[0]), gone)


def _network(graph: _Graph, weights: dict[str, NDArray[np.float32]], mix: str, blocks: int) -> None:
    """`Network.forward`, node by node."""

    around = graph.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)

    def convolved(x: str, name: str, stride: int = 1) -> str:
        kernel = weights[f"{name}.weight"]
        inputs = [x, graph.constant(kernel)]
        if f"{name}.bias" in weights:
            inputs.append(graph.constant(weights[f"{name}.bias"]))
        if kernel.shape[2] == 3:  # its edge is repeated
            inputs[0] = graph("Pad", x, around, mode="edge")
        return graph("Conv", *inputs, strides=[stride] * 2)

    def layer(x: str, name: str, stride: int = 1, relu: bool = True, more: str = "") -> str:
        x = convolved(x, f"{name}.convolution", stride)
        if more:
            x = graph("Add", x, more)
        scale, shift = (
            graph("MatMul", mix, graph.constant(weights[f"{name}.{part}"]))
            for part in ("scales", "shifts")
        )
        x = graph("InstanceNormalization", x, scale, shift, epsilon=EPSILON)
        return graph("Relu", x) if relu else x

    def doubled(x: str) -> str:
        scales = graph.constant([1.0, 1.0, 2.0, 2.0])
        return graph(
            "Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel"
        )

    def joint(x: str, other: str, name: str) -> str:
        return layer(x, f"{name}.layer", more=convolved(other, f"{name}.other"))

    def folded(x: str, size: int) -> str:
        # In a picture the colours of a pixel lie side by side, which is what `fold` keeps.
        return graph("SpaceToDepth", x, blocksize=size)

    filled, size = _filled(graph)
    middle = graph.constant(MIDDLE)
    grey = graph("Sub", filled, middle)
    half, quarter = layer(folded(grey, 2), "in_half"), layer(folded(grey, 4), "in_quarter")
    x = layer(quarter, "down", stride=2)
    for number in range(blocks):
        inner = layer(x, f"blocks.{number}.first")
        x = graph("Add", layer(inner, f"blocks.{number}.second", relu=False), x)
    x = joint(doubled(convolved(x, "to_quarter")), quarter, "at_quarter")
    x = joint(doubled(convolved(x, "to_half")), half, "at_half")
    x = graph("Tanh", convolved(x, "out"))
    x = graph("Add", graph("Mul", x, graph.constant(REACH)), middle)
    x = graph("DepthToSpace", x, blocksize=2, mode="DCR")
    x = graph("Clip", x, graph.constant(0.0), graph.constant(255.0))
    start, axes = graph.constant([0, 0], np.int64), graph.constant([2, 3], np.int64)
    graph("Slice", x, start, size, axes, to="painted")


def _filled(graph: _Graph) -> tuple[str, str]:
    """The image with its edges repeated up to whole squares, and its own height and width."""
    shape = graph("Shape", "image")
    size = graph("Slice", shape, graph.constant([2], np.int64), graph.constant([4], np.int64))
    square = graph.constant([SQUARE], np.int64)
    beyond = graph("Mod", graph("Sub", graph.constant([0], np.int64), size), square)
    none = graph.constant([0] * 6, np.int64)
    pads = graph("Concat", none, beyond, axis=0)
    return graph("Pad", "image", pads, mode="edge"), size
