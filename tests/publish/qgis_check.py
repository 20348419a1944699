"""Opens a GeoPackage in QGIS without a window: every layer, its default style, the project inside, a picture of it.

Run with the system's Python where QGIS is installed: `python3 qgis_check.py PACKAGE PICTURE.png`. Prints one JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize


def main(package: str, picture: str) -> None:
    application = QgsApplication([], False)
    application.initQgis()
    told: dict[str, object] = {"alone": alone(package)}
    project = QgsProject.instance()
    told["read"] = project.read(f"geopackage:{package}?projectName=quy_hoach")
    told["title"], told["crs"] = project.title(), project.crs().authid()
    told["groups"] = [one.name() for one in project.layerTreeRoot().findGroups()]
    told["layers"] = {
        one.id().removeprefix("covplan_"): {
            "valid": one.isValid(),
            "name": one.name(),
            "crs": one.crs().authid(),
            "features": one.featureCount() if isinstance(one, QgsVectorLayer) else None,
            "read_only": one.readOnly(),
            "aliases": one.attributeAliases().get("operator", "") if isinstance(one, QgsVectorLayer) else "",
            "renderer": one.renderer().type() if one.isSpatial() and one.renderer() else "",
        }
        for one in project.mapLayers().values()
    }
    told["relations"] = {one.id(): one.isValid() for one in project.relationManager().relations().values()}
    draw(project, picture)
    sys.stdout.write(json.dumps(told, ensure_ascii=False))
    sys.stdout.flush()
    os._exit(0)  # QGIS 3.22 may crash while it takes itself apart


def alone(package: str) -> dict[str, dict[str, object]]:
    """Every vector layer opened by itself, with the style it takes without being asked."""
    found: dict[str, dict[str, object]] = {}
    root = QgsVectorLayer(package, "all", "ogr")
    for line in root.dataProvider().subLayers():
        name = line.split("!!::!!")[1]
        layer = QgsVectorLayer(f"{package}|layername={name}", name, "ogr")
        renderer = layer.renderer() if layer.isSpatial() else None
        found[name] = {
            "valid": layer.isValid(),
            "spatial": layer.isSpatial(),
            "renderer": renderer.type() if renderer else "",
            "legend": [one.label() for one in renderer.legendSymbolItems()] if renderer else [],
        }
    return found


def draw(project: QgsProject, picture: str) -> None:
    settings = QgsMapSettings()
    root = project.layerTreeRoot()
    wanted = os.environ.get("LAYERS", "").split(",") if os.environ.get("LAYERS") else None
    shown = [
        one for one in root.layerOrder() if (one.id()[8:] in wanted if wanted else root.findLayer(one).isVisible())
    ]
    settings.setLayers(shown)
    settings.setDestinationCrs(project.crs())
    settings.setOutputSize(QSize(1100, 1500))
    settings.setOutputDpi(110)
    extent = project.mapLayer("covplan_hc_xa_phuong").extent()
    if os.environ.get("EXTENT"):
        extent = QgsRectangle(*map(float, os.environ["EXTENT"].split(",")))
    extent.scale(1.03)
    settings.setExtent(extent)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture)


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()), sys.argv[2])
