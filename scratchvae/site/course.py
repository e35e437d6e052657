"""The course has a page for every demo: what it prints, its pictures, its statements and its code.

The demos are run when the site is built.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from scratchvae.site.atlas import Atlas, Module
from scratchvae.site.chapter import PARTS, Chapter, Statement
from scratchvae.site.chapters import CHAPTERS
from scratchvae.site.listing import code, lines_of
from scratchvae.site.narrative import narrative
from scratchvae.site.page import Page
from scratchvae.site.prose import with_equations
from scratchvae.site.resolution import Uses
from scratchvae.site.widgets import STYLE, link
from scratchvae.site.words import names_in

SECTION = "Course"
SECONDS = 600  # a demo may take so long, on a machine that is busy with others
LARGEST = 400_000  # a sound or a picture with more bytes is not shown


@dataclass(frozen=True)
class Ran:
    """What a demo printed, its pictures and sounds by file name, and the reason where it could not run."""

    text: str
    files: dict[str, bytes]
    trouble: str = ""


def run_demo(path: Path) -> Ran:
    """Run a demo with --quick in a process of its own."""
    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "PYTHONUTF8": "1",
    }
    with TemporaryDirectory() as folder:
        out = Path(folder) / "pictures"
        command = [sys.executable, str(path), "--quick", "--out", str(out)]
        try:
            run = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                capture_output=True,
                encoding="utf-8",
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Ran(
                "", {}, f"It took longer than the {SECONDS} seconds that the building of this site allows."
            )
        files = (
            {
                file.name: file.read_bytes()
                for file in sorted(out.glob("*.*"))
                if file.stat().st_size < LARGEST
            }
            if out.is_dir()
            else {}
        )
    text = "\n".join(
        line
        for line in run.stdout.replace(str(out), "pictures").splitlines()
        if not line.startswith("Picture")
    )
    missing = re.search(
        r"No module named '([\w.]+)'|needs ([\w-]+) for its data|, which is not installed: pip install (\w+)",
        run.stderr + run.stdout,
    )
    if missing:
        return Ran(
            "",
            {},
            f"It needs {missing[1] or missing[2] or missing[3]}, which was not installed where this site was "
            "built.",
        )
    if run.returncode:
        return Ran(
            text,
            files,
            f"It ended with the exit status {run.returncode}: {run.stderr.strip().splitlines()[-1:]}",
        )
    return Ran(text, files)


def pages(atlas: Atlas) -> Generator[Page, None, None]:
    """Yield the table of contents, and then the chapters.

    The demos begin to run, two at a time, when the first page is asked for. They run beside whatever else is
    made before the second page is asked for.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            running = [pool.submit(run_demo, atlas.demos[chapter.demo]) for chapter in CHAPTERS]
            yield contents()
            uses = Uses(atlas)
            for chapter, found in zip(CHAPTERS, running, strict=True):
                yield page_of(atlas, uses, chapter, found.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def contents() -> Page:
    """Make the list of chapters in the order of reading, in English and in Italian."""
    parts = ""
    for part, italian in PARTS.items():
        rows = "".join(
            f'<tr><td><a href="/course/{c.demo}.html">{c.title}</a></td><td '
            f'lang="it">{c.italian}</td><td>{len(c.statements)}</td></tr>'
            for c in CHAPTERS
            if c.part == part
        )
        head = (
            '<tr><th scope="col">chapter</th><th scope="col">in Italian</th><th '
            'scope="col">statements</th></tr>'
        )
        parts += (
            f'<h2>{part} <small lang="it">· {italian}</small></h2><div '
            f'class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
        )
    body = f"""{STYLE}<p class="lead">From the autoencoder to the family of variational autoencoders, in
{len(CHAPTERS)} chapters.
Each is a program of the library, which prints its numbers beside what they must be. When this site was built,
each was run with <code>--quick</code>, in seconds: with less data, and for fewer epochs, than it takes in
full.</p>
<p>Read the statements first, then the output: after “expected” stands what theory says. Each statement is
linked to the functions that compute its two sides, and to the test that compares them. Titles and captions
are in Italian too, since the notes that this project began from are.</p>{parts}"""
    return Page(
        "course/index.html",
        "The course",
        SECTION,
        body,
        summary="from the autoencoder to the whole family, chapter by chapter",
    )


def page_of(atlas: Atlas, uses: Uses, chapter: Chapter, found: Ran) -> Page:
    """Make the page of a chapter."""
    demo = Module(chapter.demo, atlas.demos[chapter.demo])
    words = ast.get_docstring(demo.tree) or ""
    program = lines_of(demo, atlas, uses, equations=False)[demo.tree.body[0].end_lineno :]
    trouble = (
        f'<p class="note">This demo is shown without its output. {escape(found.trouble)}</p>'
        if found.trouble
        else ""
    )
    output = f'<pre class="output" tabindex="0"><code>{marked(found.text)}</code></pre>' if found.text else ""
    statements = "".join(statement_of(atlas, chapter, each) for each in chapter.statements)
    pictures, files = figures(chapter, found)
    body = f"""{STYLE}<p class="lead" lang="it">{chapter.italian}</p>
{narrative(words, names_in(demo), atlas)}
<h2>Statements, and their proof</h2>{statements}
<h2>What it prints</h2><p>This is the output of a short run,
<code>python demos/{chapter.demo}.py --quick</code>.
After “expected” stands what theory says; “fully trained” there means a run without <code>--quick</code>.</p>
{trouble}{output}
{f"<h2>Pictures</h2>{pictures}" if pictures else ""}
<h2>The program</h2><p><code>demos/{chapter.demo}.py</code>, whose words stand above. <code>python
demos/{chapter.demo}.py</code> runs it in full.</p>
{code(program)}"""
    return Page(
        f"course/{chapter.demo}.html",
        chapter.title,
        SECTION,
        body,
        group=chapter.part,
        files=files,
        summary=chapter.italian,
    )


def statement_of(atlas: Atlas, chapter: Chapter, statement: Statement) -> str:
    """Show a statement beside the links to its functions and tests."""
    functions = [link(atlas, name) for name in statement.functions]
    tests = [link(atlas, f"tests/{name}") for name in (*statement.tests, f"test_demos::{chapter.claims}")]
    lists = f"<ul><li>computed by {', '.join(functions)}</li><li>compared by {', '.join(tests)}</li></ul>"
    return f'<div class="statement"><p>{with_equations(escape(statement.words))}</p>{lists}</div>'


def marked(text: str) -> str:
    """Mark in the output what was expected."""
    return re.sub(
        r"\((?:expected|each|below)[^()]*(?:\([^()]*\)[^()]*)*\)",
        lambda m: f"<mark>{m[0]}</mark>",
        escape(text, quote=False),
    )


def figures(chapter: Chapter, found: Ran) -> tuple[str, dict[str, bytes]]:
    """Return the pictures and sounds of a demo as figures, and the files themselves."""
    shown, files = "", {}
    for name, data in found.files.items():
        path, stem = f"course/{chapter.demo}/{name}", Path(name).stem
        english, italian = chapter.captions.get(stem, (stem.replace("_", " ").replace("-", " "), ""))
        files[path] = data
        caption = (
            f"<figcaption>{english}{f'<br><span lang=it>{italian}</span>' if italian else ''}</figcaption>"
        )
        if name.endswith(".png"):
            width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
            shown += (
                f'<figure><img src="/{path}" alt="{escape(english)}" width="{width}" height="{height}" '
                f'loading="lazy">{caption}</figure>'
            )
        elif name.endswith(".wav"):
            shown += (
                f'<figure><audio controls preload="none" src="/{path}" '
                f'aria-label="{escape(english)}"></audio>{caption}</figure>'
            )
    return shown, files
