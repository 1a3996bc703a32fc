"""What the machine can compute in."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from sitrep.config import Precision
from sitrep.errors import UsageError

if TYPE_CHECKING:
    import torch

CPU_INFO = Path("/proc/cpuinfo")


def choose_device() -> "torch.device":
    """The first GPU if there is one, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_precision(wanted: Precision, device: "torch.device", setting: str) -> Precision:
    """Decide between fp32 and bf16.

    Args:
        wanted: The setting; ``auto`` picks bf16 only where the hardware multiplies in it.
        device: Where the model runs.
        setting: Dotted name of the setting, for the error message.

    Raises:
        UsageError: If bf16 is asked of a GPU that does not have it. A CPU takes it at any rate, if slowly.
    """
    if wanted is Precision.bf16 and device.type == "cuda" and not _has_bf16(device):
        raise UsageError(f"{setting}=bf16: this GPU does not compute in bf16; use fp32 or auto")
    if wanted is not Precision.auto:
        return wanted
    return Precision.bf16 if _has_bf16(device) else Precision.fp32


def _has_bf16(device: "torch.device") -> bool:
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Without the matrix units, bf16 on a CPU is emulated and about a hundred times slower than fp32.
        return "amx_bf16" in cpu_flags()
    return False


def cpu_flags() -> frozenset[str]:
    """Instruction-set flags of the processor as Linux lists them; empty on other systems."""
    return frozenset(_cpu_info("flags").split())


def cpu_name() -> str:
    """Model name of the processor."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


def _cpu_info(key: str) -> str:
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""
