"""How the documentation is built: ``sphinx-build -W docs docs/_build/html``."""

import os
import sys
import warnings
from importlib.metadata import version as installed
from pathlib import Path

import matplotlib

sys.path.insert(0, str(Path(__file__).parent))  # gallery_order

matplotlib.use("Agg")
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

project = "sk_qdots"
author = "The sk_qdots developers"
project_copyright = author
version = release = installed("sk_qdots")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # MathJax itself: formulas need no network
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "joss",
    "tables",
    "gallery/*.ipynb",
    "gallery/*.py",
    "**sg_execution_times.rst",  # asks the network for its scripts
]
root_doc = "index"
nitpicky = True
# Of other projects, whose inventories need the network.
nitpick_ignore_regex = [(r"py:.*", r"(ase|numpy|pandas|scipy|sklearn|skorch|torch|xarray)\..*")]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
templates_path = ["_templates"]
copybutton_prompt_text = ">>> |... |\\$ "
copybutton_prompt_is_regexp = True

# Links into other projects need their inventories from the network, and building does not.
intersphinx_mapping = {}
if os.environ.get("SK_QDOTS_DOCS_ONLINE"):
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable/", None),
        "python": ("https://docs.python.org/3/", None),
        "scipy": ("https://docs.scipy.org/doc/scipy/", None),
        "sklearn": ("https://scikit-learn.org/stable/", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable/", None),
        "xarray": ("https://docs.xarray.dev/en/stable/", None),
    }

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"__init__\.py",
    "within_subsection_order": "gallery_order.Order",
    "download_all_examples": False,
    "show_memory": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "nested_sections": False,
    "min_reported_time": 1,
}

html_theme = "pydata_sphinx_theme"
html_title = "sk_qdots"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "sk_qdots"},
    "navbar_align": "left",
    "show_toc_level": 2,
    "show_nav_level": 1,
    "navigation_depth": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "pygments_light_style": "tango",
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"start": [], "changelog": []}


def _skip_foreign(app, what, name, member, skip, options):
    """Leave out what classes inherit from other packages: it is documented there."""
    module = getattr(member, "__module__", None)
    return skip or (module is not None and not str(module).startswith("sk_qdots"))


def _resolve_short_name(app, env, node, contnode):
    """Find ``sk_qdots.X`` and ``X`` where they are documented, in the module that defines X."""
    if node.get("refdomain") != "py":
        return None
    python = env.get_domain("py")
    ending = "." + node["reftarget"].removeprefix("sk_qdots.")
    full = [name for name in python.objects if f".{name}".endswith(ending)]
    if not full:
        return None
    public = min(full, key=len)  # a class may be known by its private module too
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, contnode)


def setup(app):
    """Connect what Sphinx calls."""
    app.connect("missing-reference", _resolve_short_name)
    app.connect("autodoc-skip-member", _skip_foreign)
