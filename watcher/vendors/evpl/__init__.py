"""Orange EVPL lines."""
