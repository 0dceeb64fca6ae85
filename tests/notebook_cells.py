"""The cells of the notebooks that are executed, in Jupyter and in marimo."""

ROOT_OF_CELLS = "results"
DIGEST = "digest='{}'"

STUDY_CELL = """\
import mattis
study = mattis.study(
    name="in-a-notebook", size=60, load=[0.05, 0.1], temperature=[0, 0.3], seed=3, cues=2,
    sweeps={"thermalise": 5, "measure": 20},
)
study.write("mine.yaml")
study"""

RUN_CELL = "mattis.run('mine.yaml', settings=mattis.Settings(workers=2))"

CELLS = (
    STUDY_CELL,
    "mattis.plan(study)",
    RUN_CELL,
    "mattis.plot(study)",
    "import xarray as xr\n"
    "mattis.diagram(study)\n"
    "xr.open_zarr('results/in-a-notebook/diagram.zarr').mattis.plot(interactive=False)",
    "import sys\nsorted({'ipywidgets', 'tqdm', 'matplotlib.pyplot'} & sys.modules.keys())",
    "import asyncio\nasyncio.get_running_loop().is_running()",
)
