# What the rules share: the studies by name, and the receipts that their stores still back.

import json
import shlex
import sys
from pathlib import Path

from mattis.engine.failures import Briefly
from mattis.engine.shards import shards
from mattis.engine.workflow import workflow_config
from mattis.errors import UserError
from mattis.networks.registry import load_study
from mattis.plugins import load_plugins
from mattis.store import rounds
from mattis.store.results import results_of
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# The rules call `mattis` and `snakemake` of the environment that runs this workflow, activated or not.
shell.prefix(
    f"set -euo pipefail; PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
)


if workflow.is_main_process:
    logger.addFilter(Briefly())


def studies_by_name(paths):
    """Return {name: path} of all studies; each is checked before any job runs."""
    named = {}
    for path in paths:
        name = load_study(path).name
        if name in named:
            raise UserError(f"config: {path} and {named[name]} are both named {name}")
        named[name] = path
    return named


def cut(named):
    """Return {study: {id: I/K}} of the shards that each study is cut into: none, unless K is above 1.

    Of a study that is refined, those of the rounds that are decided: `--shard` and `--round` of each.
    """
    if ASKED.shards == 1:
        return {name: {} for name in named}
    return {name: shards_of(load_study(path)) for name, path in named.items()}


def shards_of(study):
    """Return {id: I/K} of the shards of a study."""
    if study.refine is not None:
        count = len(rounds.recorded(study, results_of(study, RESULTS))) or 1
        parts = (shards_of_round(study, number) for number in range(count))
        return {shard: part for each in parts for shard, part in each.items()}
    count = ASKED.shards
    return {part.id: f"{part.index}/{count}" for part in shards(study, count)}


def shards_of_round(study, number):
    """Return {id: I/K --round N} of the shards of a round of a study, which is decided."""
    count = ASKED.shards
    of = rounds.asked(study, results_of(study, RESULTS), number)
    parts = shards(of.study, count, of.holed)
    return {part.id: f"{part.index}/{count} --round {number}" for part in parts}


def withdraw_stale_receipts():
    """Remove receipts whose cells are not all in the store any more.

    Snakemake looks at files, not into stores: without this, a deleted or damaged chunk would be "nothing to be
    done". A study without receipts is not looked at: what reads stores takes a second to load.
    """
    for name, path in STUDIES.items():
        folder = Path(RESULTS, name)
        if any(folder.glob("sweep.done.json")) or any(folder.glob("shards/*.json")):
            from mattis.engine import driver

            driver.withdraw_stale_receipts(
                load_study(path), RESULTS, ASKED.shards, ASKED.all_observables
            )


def call_jobs_after_studies():
    """Make squeue show the studies in the names of jobs; the plugin says study and shard in the comment."""
    # These settings exist from when jobs are looked for until the first one is submitted.
    settings = workflow.executor_settings
    if getattr(settings, "jobname_prefix", None) == "":
        settings.jobname_prefix = "_".join(STUDIES)[:50]


def shard_receipts(wildcards):
    """Return the receipts of all shards of a study; of one that is refined, the file of its last round."""
    call_jobs_after_studies()
    if REFINED[wildcards.study]:
        return [last_round(wildcards.study)]
    return [
        f"{RESULTS}/{wildcards.study}/shards/{shard}.json"
        for shard in SHARDS[wildcards.study]
    ]


def last_round(study):
    """Return the file of the round after which there is none; rounds before are waited for."""
    for number in range(1, 1000):
        file = checkpoints.round.get(study=study, round=f"{number:03d}").output.record
        if json.loads(Path(file).read_text())["ended"]:
            return file


def shards_before(wildcards):
    """Return the receipts of the shards whose cells a round is decided by: those of the round before."""
    name, number = wildcards.study, int(wildcards.round) - 1
    if number:
        checkpoints.round.get(study=name, round=f"{number:03d}")
    parts = shards_of_round(load_study(STUDIES[name]), number)
    SHARDS[name].update(parts)
    return [f"{RESULTS}/{name}/shards/{shard}.json" for shard in parts]


def round_before(wildcards):
    """Return the --round of the command that decides a round."""
    return int(wildcards.round) - 1


def part_of_study(wildcards):
    """Return I/K of a shard: the --shard of the command, of a round with that as well."""
    return SHARDS[wildcards.study][wildcards.shard]


def more_observables(wildcards):
    """Return the --all-observables of the command, or nothing."""
    return "--all-observables" if ASKED.all_observables else ""


def plugin_options(*_):
    """Return the --plugin FILE of the command for each plugin of the configuration, or nothing."""
    return " ".join(f"--plugin {shlex.quote(str(file))}" for file in ASKED.plugins)


def all_cores(wildcards):
    """Return the cores of this machine or job; a profile may say otherwise with set-threads."""
    try:
        return workflow.cores
    except WorkflowError:  # jobs that run elsewhere, and no --cores
        return 1


def study_file(wildcards):
    """Return the file of a study."""
    return STUDIES[wildcards.study]


def results_root(wildcards, output):
    """Return the folder of all results: the --results of the command."""
    return RESULTS


def report_config(wildcards, input, output):
    """Return the configuration of a workflow that has this study only."""
    return ASKED.arguments(input.study)


wildcard_constraints:
    study="[A-Za-z0-9_-]+",
    shard="[0-9a-f]+",
    round="[0-9]{3}",


try:
    # A study or a plugin that is not in the working directory is looked for beside the Snakefile.
    ASKED = workflow_config(config).beside(Path(workflow.basedir))
    if workflow.resource_settings.nodes is not None:
        ASKED.check_elsewhere()
    RESULTS = ASKED.results
    load_plugins(*ASKED.plugins)
    STUDIES = studies_by_name(ASKED.studies)
    SHARDS = cut(STUDIES)
    # A study that is refined and cut: then each of its rounds is a job, and so are the shards of each.
    REFINED = {
        name: ASKED.shards > 1 and load_study(path).refine is not None
        for name, path in STUDIES.items()
    }
    if workflow.is_main_process:
        withdraw_stale_receipts()
except UserError as error:
    sys.exit(str(error))
