"""Radio: path loss, antennas, link budgets and coverage of one technology and operator."""
