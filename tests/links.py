"""Where the links of a folder of pages lead, and whether what they name is there."""

from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from urllib.parse import unquote


class Parts(HTMLParser):
    """The ids of a page, and the addresses in it."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.addresses = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.addresses += [given[name] for name in ("href", "src") if name in given]


def dead(folder, *, absent=()):
    """Return every address that leads nowhere, as "page: address". Folders in `absent` were not built."""
    pages = {
        path.relative_to(folder).as_posix(): Parts(path.read_text("utf-8")) for path in folder.rglob("*.html")
    }
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    ids = {page: set(parts.ids) for page, parts in pages.items()}
    found = []
    for page, parts in pages.items():
        found += [f"{page}: the id {one} twice" for one in ids[page] if parts.ids.count(one) > 1]
        for address in parts.addresses:
            place, _, anchor = address.partition("#")
            if place.partition(":")[0] in ("data", "https"):
                continue
            whole = normpath(join(dirname(page), unquote(place))) if place else page
            if whole.split("/")[0] in absent:
                continue
            there = whole in files and (not anchor or unquote(anchor) in ids.get(whole, ()))
            if not there:
                found.append(f"{page}: {address}")
    return found
