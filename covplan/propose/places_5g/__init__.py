"""5G at places: options, program, rows, reasons."""
