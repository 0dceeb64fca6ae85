rule plan:
    input:
        study=study_file,
    output:
        plan=f"{RESULTS}/{{study}}/plan.json",
    log:
        f"{RESULTS}/{{study}}/logs/plan.log",
    conda:
        "../../environment.yml"
    params:
        results=results_root,
        shards=lambda _: ASKED.shards,
        plugins=plugin_options,
    message:
        "plan {wildcards.study}: cells, blocks, memory, time"
    shell:
        "mattis plan {input.study:q} --results {params.results:q} --shards {params.shards}"
        " {params.plugins} --json > {output.plan:q} 2> {log:q}"
