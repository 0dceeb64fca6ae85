"""Run cases under a sanitizer, in a process that was started for it: python -m gpu.sanitized KIND CASE …"""

import sys

from gpu.stages import hosted
from mattis.kernels.host.module import Schedule
from mattis.selftest.cases import CASES

if __name__ == "__main__":
    kind, *names = sys.argv[1:]
    assert kind in ("address", "thread")
    for name in names:
        faults = CASES[name].faults(hosted(Schedule(), sanitize=kind))
        print(name, faults or "is equal", flush=True)
        if faults:
            sys.exit(1)
