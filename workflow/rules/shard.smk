# A study cut into parts that run as jobs of their own, each on a node of its own where there are many.
# A shard is named by a hash of the values in it; it writes to the journal of the store, never to the
# cube, so any number of them run at once. The sweep then gathers them.


rule shard:
    input:
        # The name of a shard says what is in it: an edited study makes new shards, not all of them again.
        study=ancient(study_file),
    output:
        receipt=f"{RESULTS}/{{study}}/shards/{{shard}}.json",
    log:
        f"{RESULTS}/{{study}}/logs/shard-{{shard}}.log",
    benchmark:
        f"{RESULTS}/{{study}}/logs/shard-{{shard}}.benchmark.tsv"
    conda:
        "../../environment.yml"
    threads: all_cores
    params:
        results=results_root,
        more=more_observables,
        plugins=plugin_options,
        part=part_of_study,
    message:
        "shard {wildcards.shard} of {wildcards.study}: part {params.part}"
    shell:
        "mattis run {input.study:q} --results {params.results:q} --shard {params.part}"
        " --workers {threads} --log {log:q} {params.more} {params.plugins}"
