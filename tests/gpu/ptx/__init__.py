"""An interpreter of the PTX that NVRTC emits: strict, exact, and slow enough to be read.

    PtxModule(text).get_function("name")(grid, block, args, shared_mem=0)

Text → `parse` → kernels → `decode`, by the tables of `operations`, `transfers` and `warps` → programs, which
`machine` runs, one block after the other, all threads of a block in NumPy's arrays, by a `schedule`.
"""

from gpu.ptx.errors import PtxError
from gpu.ptx.module import PtxFunction, PtxModule
from gpu.ptx.schedule import Schedule

__all__ = ["PtxError", "PtxFunction", "PtxModule", "Schedule"]
