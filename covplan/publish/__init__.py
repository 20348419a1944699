"""What leaves covplan: the map, the GeoPackage and their words. Carries results, computes none."""
