# What the rules share: the studies by name, and the receipts that their stores still back.

import shlex
import sys
from pathlib import Path

from mattis.errors import UserError
from mattis.results import results_of
from mattis.study import load_study
from snakemake.exceptions import WorkflowError

# The rules call `mattis` and `snakemake` of the environment that runs this workflow, activated or not.
shell.prefix(
    f"set -euo pipefail; PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
)

RESULTS = config["results"]


def studies_by_name(paths):
    """Return {name: path} of all studies; each is checked before any job runs."""
    named = {}
    for path in paths:
        name = load_study(path).name
        if name in named:
            raise UserError(f"config: {path} and {named[name]} are both named {name}")
        named[name] = path
    return named


def withdraw_stale_receipts(named):
    """Remove the receipt of each sweep whose store does not hold all of its cells any more.

    Snakemake looks at files, not into stores: without this, a deleted or damaged chunk would be
    "nothing to be done". A store that cannot be judged is left to `mattis run`, which says why.
    """
    for path in named.values():
        study = load_study(path)
        receipt = results_of(study, RESULTS).receipt
        if receipt.exists() and not is_complete(study):
            receipt.unlink()


def is_complete(study):
    """Tell whether every cell of a study is in its store."""
    from mattis.sweep import status

    try:
        state = status(study, RESULTS)
    except UserError:
        return False
    return state["done"] == state["blocks"]


def study_file(wildcards):
    """Return the file of a study."""
    return STUDIES[wildcards.study]


def results_root(wildcards, output):
    """Return the folder of all results: the --results of the command."""
    return str(Path(output[0]).parents[1])


def report_config(wildcards, input, output):
    """Return the configuration of a workflow that has this study only."""
    return [
        f"studies=['{input.study}']",
        f"results={results_root(wildcards, output)}",
    ]


wildcard_constraints:
    study="[A-Za-z0-9_-]+",


try:
    STUDIES = studies_by_name(config["studies"])
    withdraw_stale_receipts(STUDIES)
except UserError as error:
    raise WorkflowError(str(error))
