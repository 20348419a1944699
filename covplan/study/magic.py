"""Whether a file is what its name says, by its first bytes.

GDAL opens whatever it recognises, whatever it is called: a raster that is a text with the address of another one makes
it ask the network. A study may come from anybody, so nothing is opened that is not what it is called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 4096
TIFF = re.compile(rb"II\*\x00|MM\x00\*|II\+\x00|MM\x00\+")
SQLITE = re.compile(rb"SQLite format 3\x00")
ROOT = rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<"
BEGINNINGS = {
    ".tif": TIFF,
    ".tiff": TIFF,
    ".gpkg": SQLITE,
    ".sqlite": SQLITE,
    ".kml": re.compile(ROOT + rb"kml\b", re.DOTALL),
    ".gpx": re.compile(ROOT + rb"gpx\b", re.DOTALL),
    ".gml": re.compile(ROOT + rb"\w*:?FeatureCollection\b", re.DOTALL),
    ".geojson": re.compile(rb"(?:\xef\xbb\xbf)?\s*[{\[]"),
    ".json": re.compile(rb"(?:\xef\xbb\xbf)?\s*[{\[]"),
    ".osm": re.compile(ROOT + rb"osm\b", re.DOTALL),
    ".pbf": re.compile(rb"\x00\x00..\x0a\x09OSMHeader", re.DOTALL),
    ".graphml": re.compile(ROOT + rb"graphml\b", re.DOTALL),
    ".shp": re.compile(rb"\x00\x00\x27\x0a"),
    ".fgb": re.compile(rb"fgb"),
}
ANY_BUT_XML = re.compile(rb"(?!\s*<)")


def is_what_it_says(path: Path, suffix: str = "") -> bool:
    """Whether the first bytes of a file are those of files called like it (or like `suffix`).

    Of kinds that are not listed, anything but XML is taken: GDAL's descriptions of services and virtual files are XML.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    return BEGINNINGS.get((suffix or path.suffix).lower(), ANY_BUT_XML).match(head) is not None
