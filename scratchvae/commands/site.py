"""Write the study site: annotated source, course, pages to play with, mistakes and reference.

The site is a folder of plain files. A double click on index.html opens it, and so does any web server. Its
pages load nothing from outside the folder. The extra `site` must be installed: pip install
"scratchvae[site]".
"""

import argparse
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter

from scratchvae.commands.parser import names
from scratchvae.site import build
from scratchvae.site.build import SECTIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder, the parts, and whether to show the site."""
    parser.add_argument(
        "--out", type=Path, default=Path("site"), metavar="DIR", help="the folder (default: site)"
    )
    parser.add_argument(
        "--only", type=names, metavar="LIST", help=f"of {', '.join(SECTIONS)}, separated by commas"
    )
    parser.add_argument(
        "--serve", action="store_true", help="then show it in a browser at this machine's own address"
    )
    parser.add_argument("--port", type=int, default=8000, help="for --serve (default 8000)")


def run(arguments: argparse.Namespace) -> int:
    """Build the site, say what was written, and serve it until Ctrl-C if that is asked for."""
    began = perf_counter()
    pages = build(arguments.out, only=arguments.only)
    size = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file())
    print(
        f"{arguments.out}: {len(pages)} pages, {size / 1e6:.1f} MB, in {perf_counter() - began:.0f} s",
        flush=True,
    )
    if arguments.serve:
        handler = partial(SimpleHTTPRequestHandler, directory=str(arguments.out))
        with ThreadingHTTPServer(("127.0.0.1", arguments.port), handler) as server:
            print(f"http://127.0.0.1:{server.server_port}/ shows it; Ctrl-C ends it", flush=True)
            server.serve_forever()
    return 0
