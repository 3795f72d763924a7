"""The documentation site: `sphinx-build -M html docs build -W --keep-going` writes it to build/html.

No network is asked for anything, by the build or by a reader: mathematics is set by a copy of MathJax on the
site, and its pages work from file://. `_pages/` makes what no person writes.
"""

import os
import pathlib
import sys

DOCS = pathlib.Path(__file__).parent.resolve()
sys.path.insert(0, str(DOCS))
from _pages import copies

import ratedist

project = "ratedist"
author = "The ratedist developers"
copyright = f"2026, {author}. Licence: Apache-2.0"
release = version = ratedist.__version__

extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "_pages",
]
exclude_patterns = ["_pages"]
# What docstrings name has to be there; types of signatures need not, for many are other people's.
nitpicky = True
nitpick_ignore_regex = [("py:class", r"(?!ratedist\.).*"), ("py:(obj|data|exc)", r"(?!ratedist\.).*")]

# Text and mathematics.
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "attrs_inline", "colon_fence"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
math_eqref_format = "({number})"
mathjax_path = "mathjax/tex-svg.js"

# Notebooks: run once for every state of the package and number of trials, and again when these change.
nb_execution_mode = "cache"
nb_execution_cache_path = str(copies.CACHE)
nb_execution_timeout = 600
nb_execution_raise_on_error = False  # a warning, which -W makes an error: the others are run too
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_ipywidgets_js = {}  # none are used, and these would come from a network

# API.
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False  # the record's signature has them
napoleon_custom_sections = [("Attributes", "params_style")]
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 110  # with full names of types, which are not shown
toc_object_entries = False

# Looks.
html_theme = "furo"
html_title = "ratedist"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sphinx = False
html_copy_source = False
pygments_style = "friendly"
html_theme_options = {
    "navigation_with_keys": False,  # arrows are the explorer's
    "light_css_variables": {"color-brand-primary": "#0b5a8f", "color-brand-content": "#0b5a8f"},
    "dark_css_variables": {"color-brand-primary": "#7cc0ee", "color-brand-content": "#7cc0ee"},
}
if trials := os.environ.get("RATEDIST_TRIALS"):
    html_theme_options["announcement"] = (
        f"To be tried only: notebooks ran with {trials} trials, and their text is about more."
    )
