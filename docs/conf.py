"""The documentation site: `make docs` builds it into build/docs/html/.

Its root is the repository, so that a relative link leads to the same file here and on GitHub.
"""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
# Tutorials run the command that is installed beside this Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# Notebooks train with small settings unless this is set; they read it too.
FULL = bool(os.environ.get("JAXAE_DOCS_FULL"))

project = "jaxae"
author = project_copyright = "the jaxae authors"
version = release = version_of("jaxae")

root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "benchmarks/**.md",
    "figures/table.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = [".*", "build", "dist", "jaxae", "runs", "tests", "README.md"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstrings",
]

myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_execution_timeout = 1800 if FULL else 600
# With tables.
nb_render_markdown_format = "myst"
nb_merge_streams = True
# Widgets would need scripts from a content delivery network.
nb_ipywidgets_js = {}

autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
toc_object_entries_show_parents = "hide"
maximum_signature_line_length = 88
napoleon_attr_annotations = False
napoleon_custom_sections = [("Attributes", "params_style")]
# `name` in a docstring is code, and a link where it names something of jaxae's.
default_role = "py:obj"
nitpick_ignore_regex = [("py:.*", ".*")]

copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "sphinx_book_theme"
html_title = f"jaxae {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# The explorer of a run is made by `make docs`.
html_extra_path = ["_extra", "../build/docs/extra"]
html_show_sourcelink = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
}
