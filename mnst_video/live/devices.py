"""What hears and what sounds: PortAudio, where it is there."""

from typing import Any

from mnst_video.errors import MachineError


def sounddevice(option: str) -> Any:
    """The module. option: that asks for it. Raises MachineError without the extra."""
    try:
        import sounddevice
    except ImportError:
        raise MachineError(f'{option} needs sounddevice: pip install "mnst-video[live]"') from None
    except OSError:  # its wheel for Linux comes without the library
        raise MachineError(
            f"{option} needs the PortAudio library: install libportaudio2, as Debian calls it"
        ) from None
    return sounddevice


def reason_of(error: Exception) -> str:
    """The first line of what PortAudio says."""
    return (str(error).splitlines() or [type(error).__name__])[0]
