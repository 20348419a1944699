"""The one door to HiGHS, and what is solved through it: programs, covers, Steiner trees, baselines, alternatives."""
