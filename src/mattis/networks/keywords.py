"""A study from the arguments of a call: axes beside keys, checked as those of a file are."""

import json
import re
from hashlib import blake2b
from pathlib import Path
from typing import Any

from mattis.errors import UserError, nearest
from mattis.networks.registry import KINDS, kind_named, study_of
from mattis.study.base import Study
from mattis.study.belongs import of_key, part_of
from mattis.study.python_values import as_written

WHERE = "study"
"""What an error begins with, before the name of an argument."""

UNNAMED = "unnamed"
"""The name of a study while it is checked, where it gets one of its own."""


def study(model: str = "hopfield", name: str | None = None, **keys: Any) -> Study:
    """Return a study made in Python: what a YAML file of the same keys and values gives.

    Parameters
    ----------
    model
        A model of `mattis models`.
    name
        The folder of the results. By default the model and eight digits of what may not change under a
        store: studies that differ in their axes only share their cells.
    keys
        Axes (load, temperature, beta, size, noise, seed, …) and all other keys of a study (sweeps, cues,
        couplings, …), side by side. An axis is a number, a list, a range, an array, or
        {"from": 0, "to": 1, "count": 11}. Where a model has an axis and a key of one name (couplings), a list
        is the axis.

    Raises
    ------
    UserError
        One line: which argument, what was got, what was expected, and what to write instead.

    Examples
    --------
    >>> study = mattis.study(model="hopfield", load=[0.02, 0.05], temperature=np.arange(0, 1, 0.1), seed=8)
    >>> study.write("mine.yaml")
    """
    content = as_written({"model": model, "name": UNNAMED if name is None else name, **keys}, WHERE)
    try:
        made = study_of(_sorted_out(content), WHERE, Path.cwd())
    except UserError as error:
        raise UserError(re.sub(r"(?<= )axes\.(?=[a-z])", "", str(error))) from None
    return made if name is not None else made.model_copy(update={"name": _own_name(made)})


def _sorted_out(content: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as a file has them: axes below `axes`. Raises UserError for one that nothing reads."""
    kind = kind_named(content["model"], WHERE)
    inside = part_of(kind.model_fields["axes"])
    assert inside is not None
    known, axes = kind.known_keys(), inside.known_keys()
    above: dict[str, Any] = {}
    below: dict[str, Any] = {}
    for key, value in content.items():
        if key in axes and (key not in known or isinstance(value, list)):
            below[key] = value
        elif key in known:
            above[key] = value
        else:
            every = [*axes, *(one for one in known if one not in ("axes", *axes))]
            advice = of_key(key, value, ("axes",), [kind, *KINDS]).removesuffix(" beside axes")
            listed = f"; expected one of {', '.join(every)}{nearest(key, every)}"
            raise UserError(f"{WHERE}, {key}: unknown key{advice or listed}")
    given = above.get("axes", {})
    if not isinstance(given, dict):
        return above
    for key in below:
        if key in given:
            raise UserError(f"{WHERE}, {key}: got it in axes as well; expected it once; remove one")
    return {**above, "axes": {**given, **below}}


def _own_name(made: Study) -> str:
    """Return a name that no study of other physics has, or whose cells have other dimensions."""
    fixed = json.dumps([made.physics(), made.dimensions], sort_keys=True)
    return f"{made.model}-{blake2b(fixed.encode(), digest_size=4).hexdigest()}"
