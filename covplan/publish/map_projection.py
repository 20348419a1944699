"""The study's projection and datum shift as numbers for the map's script, taken from PROJ by the EPSG code."""

from __future__ import annotations

from typing import Any

from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError


def projection_of(epsg: int, lon: float, lat: float) -> dict[str, Any] | None:
    """How WGS 84 degrees become metres of a transverse Mercator CRS; None for a CRS of another kind.

    Parameters
    ----------
    epsg : int
        The CRS.
    lon, lat : float
        A place in it, degrees: where PROJ knows several datum shifts, it takes the one for there.

    Returns
    -------
    dict
        `epsg`, `name`, `lon0` and `lat0` (degrees), `k`, `x0` and `y0` (m), `a` (m) and `f` of the ellipsoid,
        `shift`: x, y, z (m), rx, ry, rz (arc seconds), s (ppm) of a Helmert transformation from the CRS's datum to
        WGS 84 (small angles, sign convention `position_vector` or `coordinate_frame`), or None; `accuracy` (m) of it.

    Examples
    --------
    >>> tm = projection_of(9211, 105.2, 22.1)
    >>> tm["lon0"], tm["shift"]["x"]
    (106.0, -191.90441429)
    >>> projection_of(3857, 105.2, 22.1) is None
    True
    """
    try:
        transformer = Transformer.from_crs(4326, epsg, always_xy=True)
        transformer.transform(lon, lat, errcheck=True)
        transformer = transformer.get_last_used_operation()
    except ProjError:
        return None
    steps = _steps(transformer.definition)
    plane = [step for step in steps if step["proj"] in ("tmerc", "utm")]
    shifts = [step for step in steps if step["proj"] == "helmert"]
    known = {"pipeline", "unitconvert", "push", "pop", "cart", "helmert", "tmerc", "utm", "axisswap", "noop"}
    if len(plane) != 1 or len(shifts) > 1 or not {step["proj"] for step in steps} <= known:
        return None
    crs = CRS.from_epsg(epsg)
    ellipsoid, one = crs.ellipsoid, plane[0]
    if ellipsoid is None or any(float(shift.get("dx", 0)) for shift in shifts):
        return None
    zone = float(one.get("zone", 0))
    utm = one["proj"] == "utm"
    return {
        "epsg": epsg,
        "name": "VN-2000" if "VN-2000" in crs.name else crs.name,
        "lon0": zone * 6.0 - 183.0 if utm else float(one.get("lon_0", 0.0)),
        "lat0": float(one.get("lat_0", 0.0)),
        "k": 0.9996 if utm else float(one.get("k", one.get("k_0", 1.0))),
        "x0": 500_000.0 if utm else float(one.get("x_0", 0.0)),
        "y0": (10_000_000.0 if "south" in one else 0.0) if utm else float(one.get("y_0", 0.0)),
        "a": ellipsoid.semi_major_metre,
        "f": 1.0 / ellipsoid.inverse_flattening,
        "shift": _shift(shifts[0]) if shifts else None,
        "accuracy": max(transformer.accuracy, 0.0),
    }


def _shift(step: dict[str, str]) -> dict[str, Any]:
    numbers: dict[str, Any] = {name: float(step.get(name, 0.0)) for name in ("x", "y", "z", "rx", "ry", "rz", "s")}
    return numbers | {"convention": step.get("convention", "position_vector"), "inverse": "inv" in step}


def _steps(definition: str) -> list[dict[str, str]]:
    """Steps of a PROJ pipeline as parameter to value."""
    steps: list[dict[str, str]] = []
    for text in (f" {definition} ").split(" step "):
        pairs = [word.lstrip("+").partition("=") for word in text.split()]
        steps.append({name: value for name, _, value in pairs})
    return [step for step in steps if "proj" in step]
