"""Check the built site: links resolve, and no page loads anything from elsewhere.

Sphinx checks anchors itself. LinkChecker would take minutes for those of the reference.

    python docs/check_site.py build/docs/html
"""

import re
import sys
from pathlib import Path

import linkcheck.command.linkchecker

LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|@import[^;]*?((?:https?:)?//[^"';]+)|url\(["']?((?:https?:)?//[^"')]+)"""
)


def remote_resources(site: Path) -> list[str]:
    """List what pages and styles load from other hosts; a page is to work without a network."""
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    return [f"{path}: {match[0]}" for path in files for match in LOADED.finditer(path.read_text())]


def main(site: Path) -> None:
    """Print what is wrong; exit with status 1 if anything is."""
    if remote := remote_resources(site):
        sys.exit("\n".join(["loaded from elsewhere:", *remote]))
    # To root, LinkChecker becomes the user nobody, who may not read the site in a private folder.
    linkcheck.command.linkchecker.drop_privileges = lambda: None
    sys.argv[1:] = ["--no-status", str(site / "index.html")]
    linkcheck.command.linkchecker.linkchecker()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
