rule plan:
    input:
        study=study_file,
    output:
        plan=f"{RESULTS}/{{study}}/plan.json",
    log:
        f"{RESULTS}/{{study}}/logs/plan.log",
    conda:
        "../../environment.yml"
    message:
        "plan {wildcards.study}: cells, blocks, memory, time"
    shell:
        "mattis plan {input.study:q} --json > {output.plan:q} 2> {log:q}"
