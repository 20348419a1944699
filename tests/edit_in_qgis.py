"""Edits a layer in QGIS, saves it, and leaves the project open: `python3 edit_in_qgis.py FILE LAYER COLUMN VALUE`.

Run with the system's Python where QGIS is installed. Says "ready" when the edit is saved; ends when a line comes.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import QgsApplication, QgsProject, QgsVectorLayer


def main(file: str, layer: str, column: str, value: str) -> None:
    application = QgsApplication([], False)
    application.initQgis()
    opened = QgsVectorLayer(f"{file}|layername={layer}", layer, "ogr")
    QgsProject.instance().addMapLayer(opened)
    assert opened.startEditing()
    # A canvas reads other layers of the file meanwhile; without, QGIS would move the edit into the file at once.
    beside = QgsVectorLayer(f"{file}|layername=communes", "communes", "ogr")
    QgsProject.instance().addMapLayer(beside)
    drawing = beside.getFeatures()
    next(drawing)
    first = next(opened.getFeatures())
    assert opened.changeAttributeValue(first.id(), opened.fields().indexOf(column), value)
    assert opened.commitChanges(False), opened.commitErrors()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    os._exit(0)  # QGIS 3.22 may crash while it takes itself apart


if __name__ == "__main__":
    main(*sys.argv[1:])
