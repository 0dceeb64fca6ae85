"""The slow tests share the simulations and lines of benchmarks/agreement.py."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
