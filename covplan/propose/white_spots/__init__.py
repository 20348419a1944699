"""Hamlets without a signal: options, program, rows, reasons."""
