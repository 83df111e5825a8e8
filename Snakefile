# One rule per analysis of study.yaml that has to run. What is current is told by the receipts of
# the results, never by the age of files: a flag only says that a job of this run ended well.
# Started by `allrelapse reproduce`; to use a cluster, start it by hand with a profile of yours:
#     snakemake --directory results/.snakemake-work/simulated --nolock --keep-going --profile <profile>
import sys
from pathlib import Path

from allrelapse import paths, reproduce, study

FILE = Path(config.get("study", paths.REPOSITORY / "study.yaml"))
STUDY = study.load(FILE)
COHORT = str(config.get("cohort", STUDY.cohort))
TODO, _ = reproduce.plan(STUDY, COHORT)

for name in TODO:
    Path(f"{name}.done").unlink(missing_ok=True)


rule all:
    input:
        [f"{name}.done" for name in TODO],


for name in TODO:

    rule:
        name:
            f"run_{name}"
        output:
            touch(f"{name}.done"),
        params:
            root=STUDY.root,
            python=sys.executable,
            options=["--study", str(FILE.absolute()), "--cohort", COHORT, "--unless-current", name],
        threads: 1
        priority: round(STUDY.find(name).minutes)
        shell:
            "cd {params.root:q} && {params.python:q} -m allrelapse run {params.options:q} 2>&1"
