"""What the site has that nobody writes: notebooks as they ran, API, commands, verdicts, citation, assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    from _pages import (
        api,
        api_index,
        assets,
        citation,
        code_links,
        commands,
        copies,
        docstrings,
        links,
        verdicts,
    )

    app.connect("builder-inited", lambda app: copies.stage())
    app.connect("builder-inited", lambda app: api.write_pages(app.srcdir))
    app.connect("source-read", links.rewrite)
    app.connect("autodoc-process-docstring", docstrings.plain_text_as_markup, priority=400)
    app.connect("autodoc-skip-member", docstrings.without_generated)
    app.connect("autodoc-process-signature", docstrings.without_empty_signature)
    app.connect("build-finished", assets.copy)
    app.connect("missing-reference", code_links.public_name)
    app.add_post_transform(code_links.NamesToPages)
    app.add_directive("command-reference", commands.CommandReference)
    app.add_directive("verdict-table", verdicts.VerdictTable)
    app.add_directive("api-index", api_index.ApiIndex)
    app.add_directive("citation", citation.Citation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
