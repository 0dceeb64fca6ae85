"""Run a case under a sanitizer, in a process that was started for it: python -m gpu.sanitized KIND CASE

Threads are threads of the system here, so a block has few of them where the kernel allows; replicas are two.
"""

import sys

from gpu.stages import hosted
from mattis.kernels.cuda import glauber
from mattis.kernels.host.module import ThreadSchedule
from mattis.selftest import cases

FEW = 64

if __name__ == "__main__":
    kind, name = sys.argv[1:]
    assert kind in ("address", "thread")
    del cases.REPLICAS[2:]
    if name != "glauber_groups":  # which wants 256
        glauber.THREADS = FEW
    faults = cases.CASES[name].faults(hosted(ThreadSchedule(), sanitize=kind))
    print(name, faults or "is equal", flush=True)
    sys.exit(bool(faults))
