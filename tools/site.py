"""Hooks of mkdocs.yml: documents of the root become pages, and links that leave docs/ lead where a reader finds them.

The documents are written to be read in the repository, where README.md links to docs/x.md and docs/x.md to
../README.md. On the site the first is the page index.md beside x.md; what is no page at all, such as a source file, is
linked in the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

# Documents of the root, and the pages that they become.
ROOT_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
_SOURCES = {page: source for source, page in ROOT_PAGES.items()}
_LIST = re.compile(r"(- |\d+\. )")
_LINK = re.compile(r"(?<=\]\()([^)#\s]+)(?=(#[^)\s]*)?\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root."""
    for source, page in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Make the links of a page those of the site, and its lists lists."""
    here = page.file.src_uri
    return with_lists(_LINK.sub(lambda found: site_link(found[1], here, config.repo_url), markdown))


def with_lists(markdown: str) -> str:
    """An empty line before each list and table that follows its paragraph at once: Python's Markdown wants one."""
    lines: list[str] = []
    is_code = False
    for line in markdown.splitlines():
        before = lines[-1] if lines else ""
        begins = _LIST.match(line) and not _LIST.match(before) and not before.startswith(" ")
        begins = begins or (line.startswith("|") and not before.startswith("|"))
        if begins and before and not is_code:
            lines.append("")
        is_code ^= line.startswith("```")
        lines.append(line)
    return "\n".join(lines) + "\n"


def site_link(target: str, here: str, repository: str) -> str:
    """Where a link of a page leads on the site.

    :param target: as it stands in the document, without an anchor.
    :param here: the page, as a path below docs/.
    :param repository: the address of the repository.
    """
    if "://" in target or target.startswith("mailto:"):
        return target
    source = _SOURCES.get(here, f"docs/{here}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path in ROOT_PAGES:
        return posixpath.relpath(ROOT_PAGES[path], posixpath.dirname(here))
    if path.startswith("docs/") and (ROOT / path).is_file():
        return posixpath.relpath(path.removeprefix("docs/"), posixpath.dirname(here))
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{repository.rstrip('/')}/{kind}/main/{path}"
