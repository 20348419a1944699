"""The ground floor: what a province is (study folder, settings, layers, grid) and what a plan is (results)."""
