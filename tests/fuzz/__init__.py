"""Studies damaged at random: whatever a file holds, it is read, set aside or refused with a clear error.

`python -m tests.fuzz --count 100000 --seed 1` runs the long way; `test_fuzz.py` some hundreds. A case is its seed and
its kind: `python -m tests.fuzz --kind csv_cells --seed 4711 --count 1` does one again.
"""
