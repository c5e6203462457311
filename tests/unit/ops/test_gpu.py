"""NVIDIA GPUs, as far as they can be known where there is none."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from videochat.ops import gpu
from videochat.ops.gpu import Gpu, cublas_loads, gpus


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of packages; the library that is looked for is on no machine."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(gpu, "CUBLAS", "libcublas-of-nobody.so.12")
    return tmp_path


def test_cublas_is_missing_where_no_package_has_it(packages: Path) -> None:
    """Neither other packages of NVIDIA nor the system have it."""
    (packages / "nvidia" / "nccl" / "lib").mkdir(parents=True)
    assert not cublas_loads()


def test_cublas_is_loaded_from_where_pip_puts_it(packages: Path) -> None:
    """Although no search path names that folder; a file that is no library does not count."""
    folder = packages / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    (folder / gpu.CUBLAS).write_bytes(b"no library")
    assert not cublas_loads()
    shutil.copy(_some_library(), folder / gpu.CUBLAS)
    assert cublas_loads()


def test_a_gpu_is_usable_with_driver_and_cublas(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either alone is not enough."""
    monkeypatch.setattr(gpu, "DRIVER", packages / "nvidiactl")
    folder = packages / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    (folder / gpu.CUBLAS).touch()
    assert not gpu.gpu_is_usable()
    (packages / "nvidiactl").touch()
    assert gpu.gpu_is_usable()
    (folder / gpu.CUBLAS).unlink()
    assert not gpu.gpu_is_usable()


def _some_library() -> Path:
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    return next(Path(name) for name in maps if "/libm.so" in name or "/libm-" in name)


def test_gpus_are_read_through_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares of time and memory of each, in order; a driver that does not answer means none, as does a missing library."""

    class NVMLError(Exception):
        pass

    library = ModuleType("pynvml")
    library.NVMLError = NVMLError  # type: ignore[attr-defined]
    library.nvmlInit = lambda: None  # type: ignore[attr-defined]
    library.nvmlDeviceGetCount = lambda: 2  # type: ignore[attr-defined]
    library.nvmlDeviceGetHandleByIndex = lambda n: n  # type: ignore[attr-defined]
    library.nvmlDeviceGetMemoryInfo = lambda n: SimpleNamespace(used=n + 1, total=4)  # type: ignore[attr-defined]
    library.nvmlDeviceGetUtilizationRates = lambda n: SimpleNamespace(gpu=50 * n)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert gpus() == [Gpu(0.0, 0.25), Gpu(0.5, 0.5)]

    def away() -> None:
        raise NVMLError

    library.nvmlInit = away  # type: ignore[attr-defined]
    assert gpus() == []
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpus() == []
