"""The ground: elevation and clutter on the study's grid, and profiles across it."""
