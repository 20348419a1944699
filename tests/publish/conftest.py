"""What pytest leaves alone here."""

collect_ignore = ["qgis_check.py"]  # run by the Python that QGIS brings
