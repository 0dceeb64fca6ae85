"""On a GPU: every kernel gives the numbers of the CPU's own. Skipped where none can run."""

import numpy as np
import pytest

from mattis.kernels.cuda import backends, gpu, integer_products
from mattis.kernels.cuda.devices import DeviceTrouble
from mattis.selftest import report
from mattis.selftest.cases import CASES

REASON = backends.why_not()

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(REASON), reason=REASON)]


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_those_of_the_cpu(name: str) -> None:
    device = backends.device("gpu")
    assert device is not None
    assert not CASES[name].faults(device)


def test_tensor_cores_multiply_exactly() -> None:
    assert not any(gpu.integer_refusals().values())
    device = backends.device("gpu")
    assert device is not None
    draw = np.random.default_rng(2)
    numbers = draw.integers(-(2**14), 2**14, (65, 1008), dtype=np.int32)
    signs = draw.choice(np.array([-1, 1], np.int8), (333, 1008))
    digits = integer_products.digits(device.xp, device.upload(numbers), 2**14)
    sums = device.xp.zeros((*digits.shape[:2], 336), np.int32)
    flat = digits.reshape(-1, 1008), device.upload(signs), sums.reshape(-1, 336)
    integer_products.products(device, *flat)
    found = device.to_host(integer_products.composed(sums))[:, :333]
    np.testing.assert_array_equal(found, numbers @ signs.T.astype(np.int32))


def test_free_memory_and_errors_are_those_of_this_gpu() -> None:
    """An array that does not fit is for want of memory; after it the GPU works as before."""
    device = backends.device("gpu")
    assert device is not None
    with pytest.raises(MemoryError) as refused:
        device.xp.empty(2 * device.free(), device.xp.int8)
    assert device.trouble(refused.value) is DeviceTrouble.MEMORY
    assert int(device.xp.arange(10).sum()) == 45


def test_the_selftest_passes() -> None:
    text, sound = report("gpu")
    assert sound, text
