"""Rates of the kernels on this device: hot and cold, few and many replicas, and where a choice turns."""

from typing import Any

from mattis.kernels.cuda import glauber, integer_products
from mattis.kernels.cuda.devices import Device
from mattis.selftest.rates import Load, Rate, bandwidth, dynamics, products

LOADS = ((1, 40), (51, 40), (1, 2048))
"""Pattern sets, and replicas of each: a block of a study, a full device, one large ensemble."""

COLD, HOT = 0.05, 1.0
"""Temperatures at which next to no spin flips, and about a third."""

TURNS = (8, 16, 32, 64, 128, 256, 512, 1024)
"""Replicas of one pattern set at which popcounts and products are timed side by side."""


def measured(device: Device) -> dict[str, Any]:
    """Return every rate with its share of what the device could do at most, and the turns of choices."""
    large = device.name == "gpu"
    size, count = (10_000, 1000) if large else (64, 8)
    copied, multiplied = bandwidth(device), products(device)
    facts: dict[str, Any] = {
        "copied_gb_per_s": copied.measured, "products_t_per_s": multiplied.measured, "rates": [],
    }  # fmt: skip
    for sets, replicas in LOADS if large else ((1, 4), (2, 4)):
        for name, temperature in (("cold", COLD), ("hot", HOT)):
            for kernel in (*glauber.GLAUBER_KERNELS, *glauber.SYNCHRONOUS_KERNELS):
                rate = dynamics(device, size, count, kernel, Load(sets, replicas, temperature))
                share = share_of_limit(rate, kernel, size, count, multiplied)
                facts["rates"].append({
                    "kernel": kernel, "sets": sets, "replicas": replicas, "temperature": name,
                    "proposals_per_s": rate.measured, "share": share,
                })  # fmt: skip
    facts["turns"] = turns(device, size // 5, count // 5, TURNS if large else (4, 8))
    return facts


def share_of_limit(rate: Rate, kernel: str, size: int, count: int, multiplied: Rate) -> float | None:
    """Return the share of the roofline: of additions, or of the products that were measured; None if unknown.

    By products a proposal takes a multiplication and an addition for each pattern and each digit of the
    overlaps that make its field (two bytes in lanes), and once more where spins make overlaps.
    """
    digits = {glauber.IN_LANES: 2, glauber.BY_PRODUCTS: integer_products.digits_of(size) + 1}
    if kernel in digits:
        operations = 2 * count * digits[kernel]
        return float(1e-12 * operations * rate.measured / multiplied.measured)
    return None if rate.fraction != rate.fraction else float(rate.fraction)


def turns(device: Device, size: int, count: int, numbers: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return, for so many replicas of one pattern set, how fast two ways are, and which one is chosen."""
    rows = []
    for replicas in numbers:
        load = Load(1, replicas, HOT)
        pair = [dynamics(device, size, count, k, load) for k in glauber.SYNCHRONOUS_KERNELS]
        wins = glauber.synchronous_form_of(device, [replicas], size, count) == glauber.BY_PRODUCTS
        chosen = "products" if wins else "popcounts"
        rows.append({
            "replicas": replicas, "popcounts": pair[0].measured, "products": pair[1].measured,
            "chosen": chosen,
        })  # fmt: skip
    return rows
