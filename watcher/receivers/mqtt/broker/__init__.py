"""The one connection to the broker: kept open, spoken on, and what the broker takes."""
