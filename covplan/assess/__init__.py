"""Counts only: from layers to the state of every hamlet, every location, and the plan's indicators."""
