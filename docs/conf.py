"""Settings of the site. Built by tools/build_site.py, which puts the generated pages beside this.

Nothing is executed here, and no page asks another machine for anything.
"""

import sys
from importlib.metadata import version as installed
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
lexers |= {"csv": TextLexer(), "tsv": TextLexer()}  # plain, as Pygments has none for them

project = "allrelapse"
author = "The allrelapse contributors"
copyright = "2026, the allrelapse contributors. Code MIT, text CC BY 4.0"
release = installed("allrelapse")

extensions = [
    "house_docstrings",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
exclude_patterns = ["_parts", "pictures"]
templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_ipywidgets_js = {}  # they would come from another machine
nb_merge_streams = True

default_role = "literal"  # as docstrings are written
autosummary_context = {  # packages whose functions are defined in modules of theirs
    "packages": [
        f"allrelapse.{name}"
        for name in ("enrichment", "signatures", "survival", "drugs", "simulate")
    ]
}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "allrelapse"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("scorecard.js", {"defer": "defer"})]
html_copy_source = False
html_show_sphinx = False
alone = ["index", "primer", "glossary", "data", "own-cohort", "gallery", "benchmarks/README"]
html_sidebars = {page: [] for page in alone}  # they have no pages below them
html_context = {"default_mode": "auto"}
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "back_to_top_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
