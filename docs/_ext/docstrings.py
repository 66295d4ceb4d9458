"""Render docstrings and signatures as they read in the source."""

import ast
import inspect
import textwrap
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

# Where a name without its folder is looked up.
FOLDERS = ["", "analysis.", "models.", "training.", "config.", "data.", "latent.", "runs."]


def annotate(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str | None] | None:
    """Return the signature of a function or a class as it is in the source."""
    if getattr(obj, "_is_protocol", False):
        return "", None
    if what not in ("class", "function", "method"):
        return None
    function = inspect.unwrap(obj.__init__ if what == "class" else obj)
    try:
        definition = parse(function)
    except (OSError, TypeError):  # The __init__ of a dataclass or a named tuple has no source.
        fields = [node for node in parse(obj).body if isinstance(node, ast.AnnAssign)]
        return f"({', '.join(map(ast.unparse, fields))})", None
    decorators = [ast.unparse(decorator) for decorator in definition.decorator_list]
    if what != "function" and "staticmethod" not in decorators:
        del definition.args.args[0]
    result = ast.unparse(definition.returns).strip("'") if definition.returns else None
    return f"({ast.unparse(definition.args)})", None if what == "class" else result


def parse(obj: Any) -> Any:
    """Return the syntax tree of a function or a class; its type depends on which it is."""
    return ast.parse(textwrap.dedent(inspect.getsource(obj))).body[0]


def keep_plain(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep `(n, *shape)` from becoming emphasis, and "vae only: …" the type of an attribute."""
    lines[:] = [line.replace(", *", r", \*") for line in lines]
    if what in ("attribute", "property"):
        lines[:0] = ["..", ""]  # An empty comment, which napoleon reads in place of the first line.


def find_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Resolve a name of jaxae that is written without its folder."""
    domain = env.domains.python_domain
    for folder in FOLDERS:
        found = domain.objects.get(f"jaxae.{folder}{node['reftarget']}")
        if node["refdomain"] == "py" and found:
            here, there = node["refdoc"], found.docname
            return make_refnode(app.builder, here, there, found.node_id, [content])
    return None


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("autodoc-process-signature", annotate)
    app.connect("autodoc-process-docstring", keep_plain, priority=400)
    app.connect("missing-reference", find_short_name)
