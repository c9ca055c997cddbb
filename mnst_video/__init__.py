"""Stylize video with two paintings and a crossfader between them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnst_video.job.render import render
    from mnst_video.options import Options
    from mnst_video.stills.stylize import stylize_image

__all__ = ["Options", "render", "stylize_image"]

_HOME = {"Options": "options", "render": "job.render", "stylize_image": "stills.stylize"}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: the core works with torch and numpy alone."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
