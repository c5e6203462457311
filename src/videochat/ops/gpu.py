"""This machine's NVIDIA GPUs: how much they do, and whether what computes on them is here."""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DRIVER = Path("/dev/nvidiactl")  # there when the driver is loaded, in containers that were given a GPU too
CUBLAS = "libcublas.so.12"
COMPILER = "libnvrtc.so.12"  # cuBLAS opens it, by name, when it compiles something


@dataclass(frozen=True, slots=True)
class Gpu:
    """Which share, 0 to 1, of a GPU's time and of its memory is in use."""

    busy: float
    memory: float


def gpus() -> list[Gpu]:
    """Return what each GPU does; none without the driver or its library in Python, which comes with videochat[cuda]."""
    try:
        library: Any = import_module("pynvml")
    except ImportError:
        return []
    try:
        library.nvmlInit()
        handles = [library.nvmlDeviceGetHandleByIndex(n) for n in range(library.nvmlDeviceGetCount())]
        memories = [library.nvmlDeviceGetMemoryInfo(handle) for handle in handles]
        busy = [library.nvmlDeviceGetUtilizationRates(handle).gpu / 100 for handle in handles]
        return [Gpu(share, memory.used / memory.total) for share, memory in zip(busy, memories, strict=True)]
    except library.NVMLError:
        return []


def gpu_is_usable() -> bool:
    """Say whether there is a driver, and cuBLAS 12 to compute with, which is not loaded."""
    return DRIVER.exists() and (bool(_packaged(CUBLAS)) or find_library("cublas") == CUBLAS)


def cublas_loads() -> bool:
    """Load cuBLAS 12 into this process from videochat[cuda]'s packages or the system's folders, and say whether that worked.

    CTranslate2 looks for it by name only when it first computes, and not where pip puts it; what is loaded already is found
    under its name from then on, wherever it came from (dlopen(3)).
    """
    for file in _packaged(COMPILER):
        _loads(file)
    return any(map(_loads, [*_packaged(CUBLAS), CUBLAS]))


def _packaged(library: str) -> list[str]:
    """Return where NVIDIA's packages in this environment have the library."""
    packages = find_spec("nvidia")
    folders = packages.submodule_search_locations if packages is not None else None
    return [str(file) for folder in folders or () for file in sorted(Path(folder).glob(f"*/lib/{library}"))]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
