"""One notebook in one kernel of its own, cut off from the user's settings and from the network."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import jinja2
import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbconvert import HTMLExporter
from traitlets.config import Config

from allrelapse import paths

NOTEBOOK, PAGE = "notebook.ipynb", "notebook.html"
SOCKET_PATH = 90
"""Length up to which any system takes the path of a socket, with some to spare."""

# nbconvert's own page loads three scripts from another machine, and drops the texts of pictures
TEMPLATE = """{% extends "lab/index.html.j2" %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block data_png scoped %}
{%- set alt = output | get_metadata("alt", "image/png") -%}
{%- set width = output | get_metadata("width", "image/png") -%}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img src="data:image/png;base64,{{ output.data["image/png"] | escape_html }}"
  {% if width %}width="{{ width | escape_html }}"{% endif %} alt="{{ (alt or "") | escape_html }}">
</div>
{% endblock data_png %}
"""


def execute(
    notebook: Path,
    parameters: Mapping[str, Any],
    *,
    root: Path,
    output: Path,
    cohort: Path,
    scratch: Path,
) -> str:
    """Run a notebook and say how it failed; empty if it did not.

    Leaves `notebook.ipynb`, run as far as it came, and if all went well `notebook.html`.

    Parameters
    ----------
    root : working folder of the kernel
    output : where the notebook finds its output folder (`ALLRELAPSE_OUTPUT`)
    cohort : where it finds the tables of the cohort (`ALLRELAPSE_COHORT`)
    scratch : folder for the kernel's own files, with a short path, as its sockets are there
    """
    done, fault = output / NOTEBOOK, ""
    with (scratch / "kernel.log").open("w+", errors="replace") as log:
        try:
            papermill.execute_notebook(
                str(notebook),
                str(done),
                parameters=dict(parameters),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=str(root),
                record_timing=False,
                kernel_manager_class=_kernel_manager(environment(scratch, output, cohort), log),
                config=_connection(scratch),
            )
        except papermill.PapermillExecutionError as error:
            fault = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
        except RuntimeError as error:
            log.seek(0)
            last_words = log.read().strip().splitlines()[-1:]
            fault = "; ".join([f"{error}, perhaps for want of memory", *last_words])
    executed = nbformat.read(done, as_version=4) if done.exists() else nbformat.v4.new_notebook()
    place = _last_cell(executed)
    fault = fault or _early_exit(executed)
    _strip(executed)
    nbformat.write(executed, done)
    if fault:
        return f"{place}: {fault}"
    (output / PAGE).write_text(_page(executed, notebook.stem), encoding="utf-8")
    return ""


def environment(scratch: Path, output: Path, cohort: Path) -> dict[str, str]:
    """Variables of the kernel: same results on every machine, no trace in the user's home."""
    alone = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "VECLIB_MAXIMUM")
    return {
        "ALLRELAPSE_OUTPUT": str(output),
        "ALLRELAPSE_COHORT": str(cohort),
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "JUPYTER_DATA_DIR": str(scratch / "data"),
        "JUPYTER_RUNTIME_DIR": str(scratch),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": str(paths.cache() / "matplotlib"),  # its font list takes seconds to make
        "PYTHONHASHSEED": "0",
        **{f"{name}_THREADS": "1" for name in alone},
    }


def _kernel_manager(environment: dict[str, str], log: TextIO) -> type[AsyncKernelManager]:
    """Managers that start this very Python, whatever kernels the user has installed."""
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = KernelSpec(argv=launch, language="python", display_name="Python 3", env=environment)

    class KernelManager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

        def start_kernel(self, **options: Any) -> Any:  # noqa: ANN401
            return super()._async_start_kernel(**options, stdout=log, stderr=log)

    return KernelManager


def _connection(scratch: Path) -> Config:
    """Sockets in a folder of ours: kernels that start at once would race for TCP ports."""
    short = len(str(scratch / "k-ipc-1")) < SOCKET_PATH
    manager = {
        "connection_file": str(scratch / "k.json"),
        "transport": "ipc" if short else "tcp",
        "shutdown_wait_time": 2.0,
    }
    return Config({"KernelManager": manager})


def _last_cell(notebook: nbformat.NotebookNode) -> str:
    """The last code cell that was started, in words."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    started = [c for c in cells if c.metadata.get("papermill", {}).get("start_time")]
    if not started:
        return "before the first cell"
    first_line = (started[-1].source.strip().splitlines() or [""])[0]
    return f"code cell {len(started)} ({first_line})"


def _early_exit(notebook: nbformat.NotebookNode) -> str:
    """`sys.exit()` in a cell, which papermill takes for success, in words; else empty."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    exits = [output.ename for output in outputs if output.output_type == "error"]
    return f"{exits[0]} before the end of the notebook" if exits else ""


def _strip(notebook: nbformat.NotebookNode) -> None:
    """Remove times, paths and chance from an executed notebook, so that two runs compare."""
    for node in (notebook, *notebook.cells):
        node.metadata.pop("papermill", None)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"


def _page(notebook: nbformat.NotebookNode, title: str) -> str:
    """The notebook as one HTML page that asks nothing of any other machine."""
    exporter = HTMLExporter(
        extra_loaders=[jinja2.DictLoader({"own.html.j2": TEMPLATE})], template_file="own.html.j2"
    )
    body, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return str(body)
