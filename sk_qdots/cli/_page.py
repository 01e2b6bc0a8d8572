"""``sk-qdots page``."""

from __future__ import annotations

import argparse

from ._words import BAD_INPUT, Commands, complain, natural

__all__ = ["add_page"]


def add_page(commands: Commands) -> None:
    """Add the command to the parser."""
    page = commands.add_parser(
        "page",
        help="size patterns on a page in the browser",
        description="Open a page in the browser: drop patterns on it, and see their sizes, fits "
        "and size distributions; series and watched folders, too. Other programs ask the same "
        "server, at /api/size. It answers this computer alone, and only whoever has the link that "
        "is printed; nothing leaves the computer. Needs pip install 'sk_qdots[page]'.",
        epilog="Example: sk-qdots page. Ctrl-C ends it. Status: 0; 2 where it could not begin.",
    )
    page.add_argument(
        "--port",
        type=natural,
        metavar="N",
        help="where it listens, 0 for any that is free (default: 8642, or any that is free)",
    )
    page.add_argument(
        "--no-browser", action="store_true", help="print the link, and do not open the browser"
    )
    page.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME|PATH",
        help="trained sizer that the page begins with, beside those that are known by name; may be "
        "given several times",
    )
    page.add_argument(
        "--jobs",
        type=natural,
        metavar="N",
        help="processes that size (default: all processors, four at most)",
    )
    page.set_defaults(run=_page)


def _page(options: argparse.Namespace) -> int:
    from ..page import serve

    try:
        serve(
            options.port,
            opens_browser=not options.no_browser,
            models=options.model,
            n_workers=options.jobs,
        )
    except ValueError as error:
        complain(str(error))
        return BAD_INPUT
    return 0
