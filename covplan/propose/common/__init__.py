"""What all kinds of proposal share: costs, zones, candidates, backhaul, transmitters, decisions, the record."""
