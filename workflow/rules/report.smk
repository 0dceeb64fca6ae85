# Snakemake's own report of one study, with provenance and run times. It is made from the records of
# finished jobs by a second, read-only Snakemake: hence no lock.


rule report:
    input:
        study=study_file,
        png=rules.diagram.output.png,
    output:
        html=f"{RESULTS}/{{study}}/report.html",
    log:
        f"{RESULTS}/{{study}}/logs/report.log",
    conda:
        "../../environment.yml"
    params:
        config=report_config,
        snakefile=workflow.main_snakefile,
    message:
        "report {wildcards.study}: one HTML page"
    shell:
        # In a variable, because --report expands those: once.
        "REPORT={output.html:q} snakemake --snakefile {params.snakefile:q} --nolock --cores 1 --report '$REPORT'"
        " --config {params.config:q} -- {input.png:q} > {log:q} 2>&1"
