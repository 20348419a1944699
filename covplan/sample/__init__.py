"""A province to try covplan on: Tuyên Quang before July 2025, some of it fact and most of it synthetic."""
