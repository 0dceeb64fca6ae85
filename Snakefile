# From a study to its phase diagram. Table of contents; the rules call verbs of the command `mattis`.

from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


# That of the working directory, or else the one beside this file.
CONFIG = Path("config/config.yaml")


configfile: CONFIG if CONFIG.exists() else Path(workflow.basedir, CONFIG)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/shard.smk"
include: "workflow/rules/round.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/diagram.smk"
include: "workflow/rules/report.smk"


# On a cluster, only shards are jobs: the others take seconds, and are where the store is whole.
localrules:
    all,
    plan,
    round,
    sweep,
    diagram,
    report,


rule all:
    default_target: True
    input:
        # The receipt is a target of its own: where it was withdrawn, the sweep runs again.
        expand(f"{RESULTS}/{{study}}/sweep.done.json", study=STUDIES),
        expand(f"{RESULTS}/{{study}}/figures/diagram.svg", study=STUDIES),
        expand(f"{RESULTS}/{{study}}/report.html", study=STUDIES),
