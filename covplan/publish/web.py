"""Scripts and styles of a map, as text to be written into the page: Leaflet from an installed package, and our own.

Leaflet's files come with the package django-leaflet (decision 0004); only the files are read, Django is not imported.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from covplan.study.errors import CovplanError
from covplan.study.language import _
from covplan.study.resources import resource_text

CARRIER = "django-leaflet"
LEAFLET = "leaflet/static/leaflet"
OWN = ("map.js", "map_geodesy.js", "map_rasters.js", "map_time.js", "map_search.js", "map_tools.js")
"""In this order: the first makes what the others add to."""
LOADED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)\s*=\s*["']?(?!data:)([^"'\s>]+)""")


@cache
def scripts() -> str:
    """Leaflet and covplan's own script; safe inside a script element."""
    leaflet = _leaflet_file("leaflet.js").read_text(encoding="utf-8")
    leaflet = re.sub(r"(?m)^//# sourceMappingURL=.*$", "", leaflet)
    own = "\n".join(resource_text("web", name) for name in OWN)
    return f"{leaflet}\n{own}".replace("</script", "<\\/script")


@cache
def styles() -> str:
    """Leaflet's and covplan's own style sheet, images as data."""
    leaflet = _leaflet_file("leaflet.css").read_text(encoding="utf-8")
    leaflet = re.sub(r"url\((images/[\w.@-]+)\)", lambda found: f"url({_data(found[1])})", leaflet)
    return f"{leaflet}\n{resource_text('web', 'map.css')}\n{resource_text('web', 'map_tools.css')}"


def loaded_addresses(html: str) -> list[str]:
    """What a page would fetch when it opens: addresses of scripts, style sheets and images that are not in it."""
    return LOADED.findall(html)


def _leaflet_file(name: str) -> Path:
    try:
        path = Path(str(distribution(CARRIER).locate_file(f"{LEAFLET}/{name}")))
    except PackageNotFoundError:
        path = Path()
    if not path.is_file():
        said = _("{package}: {file} not found. Install it: pip install {package}")
        raise CovplanError(said.format(package=CARRIER, file=f"{LEAFLET}/{name}"))
    return path


def _data(image: str) -> str:
    content = base64.b64encode(_leaflet_file(image).read_bytes()).decode("ascii")
    return f"data:image/png;base64,{content}"
