"""Candidate masts drawn on the map, as `what_if` takes them: GeoJSON features in, one mapping per station out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from covplan.study.errors import LayerError
from covplan.study.language import _

if TYPE_CHECKING:
    from pathlib import Path


def read_drawn(path: Path | str) -> list[dict[str, Any]]:
    """Stations of a GeoJSON file that the map's tool for trying masts has written, or of any other like it.

    Parameters
    ----------
    path : Path or str
        A FeatureCollection or one Feature: points in WGS 84 whose properties are columns of the stations layer, at
        least operator; a station_id that is missing is made by `what_if`.

    Returns
    -------
    list of dict
        For `covplan.what_if(study, add=…)`: the properties, with lon and lat (degrees) from the point.
    """
    with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123  # a path may be a str
        try:
            content = json.load(file)
        except json.JSONDecodeError as error:
            raise LayerError(_("{path}: no GeoJSON ({error}).").format(path=path, error=error)) from None
    features = content.get("features", [content]) if isinstance(content, dict) else []
    stations = []
    for number, feature in enumerate(features, start=1):
        shape = (feature.get("geometry") or {}) if isinstance(feature, dict) else {}
        properties = (feature.get("properties") or {}) if isinstance(feature, dict) else {}
        if shape.get("type") != "Point" or "operator" not in properties:
            raise LayerError(
                _("{path}: feature {number} needs a point and an operator.").format(path=path, number=number)
            )
        lon, lat = shape["coordinates"][:2]
        stations.append({**properties, "lon": float(lon), "lat": float(lat)})
    return stations
