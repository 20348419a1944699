"""Shared structures: options, program, rows, reasons."""
