# A round of a study that is refined and cut into shards: decided when the shards of the round before have
# their cells. Which cells come next is not known before, so this is a checkpoint. Uncut, the sweep runs all
# rounds by itself, in one process.


checkpoint round:
    input:
        study=study_file,
        shards=shards_before,
    output:
        record=f"{RESULTS}/{{study}}/round_{{round}}.json",
    log:
        f"{RESULTS}/{{study}}/logs/round-{{round}}.log",
    conda:
        "../../environment.yml"
    threads: all_cores
    params:
        results=results_root,
        more=more_observables,
        plugins=plugin_options,
        before=round_before,
    message:
        "round {wildcards.round} of {wildcards.study}: gather the cells of the one before, decide the next"
    shell:
        "mattis run {input.study:q} --results {params.results:q} --round {params.before}"
        " --workers {threads} --log {log:q} {params.more} {params.plugins}"
