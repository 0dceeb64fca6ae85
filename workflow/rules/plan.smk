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
        plugins=plugin_options,
    message:
        "plan {wildcards.study}: cells, blocks, memory, time"
    shell:
        "mattis plan {input.study:q} {params.plugins} --json > {output.plan:q} 2> {log:q}"
