"""What the machine computes in, and which number format is taken for it."""

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sitrep.errors import UsageError
from sitrep.settings import Precision
from sitrep.storage.machine_report import found_once

if TYPE_CHECKING:
    import torch

CPU_INFO = Path("/proc/cpuinfo")
TOPOLOGY = Path("/sys/devices/system/cpu")
BF16_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")
"""What Linux calls instructions that multiply in bf16: Intel's matrix units, Intel's and AMD's vectors, Arm's."""

INT8_FLAGS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
"""The same of instructions that add up products of bytes without loss; without them int8 answers otherwise."""

LEAST_GAIN = 1.15
"""How much faster bf16 must be: below, its rounding is not worth it."""
ROWS = 768
Sizes = tuple[int, int]
DEFAULT_SIZES: Sizes = (384, 1536)
"""Of the default backbone: what goes in and out of a layer, and what is inside its second half."""
MEASURED_SECONDS = 0.8


@dataclass(frozen=True)
class PrecisionChoice:
    """A number format, and why it was taken.

    Attributes:
        precision: ``fp32`` or ``bf16``.
        reason: In words, for reports and logs.
    """

    precision: Precision
    reason: str


def choose_device() -> "torch.device":
    """The first GPU if there is one, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_precision(
    wanted: Precision, device: "torch.device", setting: str, sizes: Sizes = DEFAULT_SIZES
) -> PrecisionChoice:
    """Decide between fp32 and bf16.

    Args:
        wanted: The setting; ``auto`` picks bf16 only where the hardware multiplies in it and is the faster for it.
        device: Where the model runs.
        setting: Dotted name of the setting, for the error message.
        sizes: Of the model's matrix products.

    Raises:
        UsageError: If bf16 is asked of a GPU that does not have it. A CPU takes it at any rate, if slowly. If int8 is.
    """
    if wanted is Precision.int8:
        raise UsageError(f"{setting}=int8: PyTorch runs no int8 here; scripts/export.py format=onnx-int8 makes a model")
    if wanted is Precision.bf16 and device.type == "cuda" and not _gpu_has_bf16():
        raise UsageError(f"{setting}=bf16: this GPU does not compute in bf16; use fp32 or auto")
    if wanted is not Precision.auto:
        return PrecisionChoice(wanted, f"{setting}={wanted.name}")
    if device.type == "cuda" and _gpu_has_bf16():
        return PrecisionChoice(Precision.bf16, "the GPU computes in bf16")
    if device.type != "cpu":
        return PrecisionChoice(Precision.fp32, f"no bf16 on this device ({device.type})")
    flag = next((name for name in BF16_FLAGS if name in cpu_flags()), None)
    if flag is None:
        return PrecisionChoice(Precision.fp32, "the processor has no instructions for bf16")
    gain = measured_gain(sizes)
    words = f"the processor has {flag}, and bf16 measured {gain:.1f} times as fast as fp32"
    return PrecisionChoice(Precision.bf16 if gain >= LEAST_GAIN else Precision.fp32, words)


def measured_gain(sizes: Sizes = DEFAULT_SIZES) -> float:
    """How many times as fast matrix products are in bf16 as in fp32 on this CPU.

    Measured once, for about a second, and kept until processor, threads or torch change.
    """
    import torch

    holds_for = machine() | {"threads": torch.get_num_threads(), "torch": torch.__version__}
    return float(found_once(f"bf16, products of {sizes[0]} and {sizes[1]}", holds_for, lambda: _measure(sizes)))


def machine() -> dict[str, object]:
    """What a measurement holds for: the processor, and its instructions that decide what is fast."""
    return {"processor": cpu_name(), "flags": sorted(cpu_flags() & {*BF16_FLAGS, *INT8_FLAGS})}


def version_of(package: str) -> str | None:
    """Version of an installed package, without importing it; ``None`` if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def usable_cores() -> int:
    """Cores that this process may run on, two threads of one core counted once; ``OMP_NUM_THREADS`` says fewer."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    if not hasattr(os, "sched_getaffinity"):  # not on Linux
        return os.cpu_count() or 1
    cores = set()
    for cpu in os.sched_getaffinity(0):
        try:
            cores.add((TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text())
        except OSError:
            cores.add(str(cpu))
    return len(cores)


def _measure(sizes: Sizes) -> float:
    """Times of fp32 and bf16 in turns; the least of each counts, as other work can only add to it."""
    import time

    import torch

    outer, inner = sizes
    operands = {
        kind: [(torch.randn(ROWS, k).to(kind), torch.randn(n, k).to(kind)) for k, n in ((outer, inner), (inner, outer))]
        for kind in (torch.float32, torch.bfloat16)
    }

    def seconds(kind: "torch.dtype") -> float:
        began = time.perf_counter()
        for left, right in operands[kind]:
            torch.nn.functional.linear(left, right)
        return time.perf_counter() - began

    with torch.inference_mode():
        for kind in operands:
            seconds(kind)  # kernels are made at the first call
        least = dict.fromkeys(operands, float("inf"))
        until = time.perf_counter() + MEASURED_SECONDS
        while time.perf_counter() < until:
            least = {kind: min(best, seconds(kind)) for kind, best in least.items()}
    return least[torch.float32] / least[torch.bfloat16]


def _gpu_has_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def cpu_flags() -> frozenset[str]:
    """Instruction-set flags of the processor as Linux lists them; empty on other systems."""
    return frozenset((_cpu_info("flags") or _cpu_info("Features")).split())


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
