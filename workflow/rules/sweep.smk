# The store lies beside the receipt and is no output: Snakemake deletes outputs of jobs that fail.


rule sweep:
    input:
        study=study_file,
        plan=rules.plan.output.plan,
        shards=shard_receipts,
    output:
        receipt=f"{RESULTS}/{{study}}/sweep.done.json",
    log:
        f"{RESULTS}/{{study}}/logs/sweep.log",
    benchmark:
        f"{RESULTS}/{{study}}/logs/sweep.benchmark.tsv"
    conda:
        "../../environment.yml"
    threads: all_cores
    params:
        results=results_root,
        more=more_observables,
        plugins=plugin_options,
    message:
        "sweep {wildcards.study}: compute the cells that are missing"
    shell:
        "mattis run {input.study:q} --results {params.results:q}"
        " --workers {threads} --log {log:q} {params.more} {params.plugins}"
