rule diagram:
    input:
        study=study_file,
        receipt=rules.sweep.output.receipt,
    output:
        estimates=directory(f"{RESULTS}/{{study}}/diagram.zarr"),
        png=report(
            f"{RESULTS}/{{study}}/figures/diagram.png",
            caption="../report/diagram.rst",
            category="Phase diagrams",
            labels={"study": "{study}"},
        ),
        svg=f"{RESULTS}/{{study}}/figures/diagram.svg",
        page=report(
            f"{RESULTS}/{{study}}/diagram.html",
            caption="../report/page.rst",
            category="Phase diagrams",
            labels={"study": "{study}"},
        ),
    log:
        f"{RESULTS}/{{study}}/logs/diagram.log",
    conda:
        "../../environment.yml"
    params:
        results=results_root,
        plugins=plugin_options,
    message:
        "diagram {wildcards.study}: statistics, theory, figures, page"
    shell:
        "mattis diagram {input.study:q} --results {params.results:q} {params.plugins} > {log:q} 2>&1"
