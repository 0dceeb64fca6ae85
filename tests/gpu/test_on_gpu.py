"""On a GPU: every kernel gives the numbers of the CPU's own. Skipped where none can run."""

import numpy as np
import pytest

from mattis.kernels.cuda import backends, gpu, integer_products
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
    assert gpu.multiplies_exactly()
    device = backends.device("gpu")
    assert device is not None
    draw = np.random.default_rng(2)
    numbers = draw.integers(-(2**14), 2**14, (65, 1008), dtype=np.int32)
    signs = draw.choice(np.array([-1, 1], np.int8), (333, 1008))
    found = integer_products.wide_products(device, *map(device.xp.asarray, (numbers, signs)), 2**14)
    np.testing.assert_array_equal(device.to_host(found), numbers @ signs.T.astype(np.int32))


def test_the_selftest_passes() -> None:
    text, sound = report("gpu")
    assert sound, text
