"""Values that tables, arrays and files share: any operator, none, what stands on a roof, degrees."""

from __future__ import annotations

ANY = "any"
"""As an operator: of several the best."""
NOBODY = -1
"""As a number of a cell, a station or a tenancy: there is none."""
ON_ROOFS = ("A1a", "A2a")
"""Classes of structures that stand on buildings."""
WGS84 = 4326
"""Longitude and latitude in degrees, as EPSG names them: what files, forms and maps are in."""
