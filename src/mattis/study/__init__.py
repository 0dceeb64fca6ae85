"""What a study is: a YAML file, its axes, its plan, and what it asks of a model.

Called, this package makes one: `mattis.study(model="hopfield", load=[0.05], temperature=[0, 0.3], seed=8)`.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class StudyPackage(ModuleType):
    """This package: a name has one meaning only, and `mattis.study` is asked for both."""

    def __call__(self, *given: Any, **keys: Any) -> Any:
        """Return a study of these keys: `mattis.networks.keywords.study`, which says more."""
        return import_module("mattis.networks.keywords").study(*given, **keys)


sys.modules[__name__].__class__ = StudyPackage
