"""The vendors, Slack and a broker on loopback: for the demo and for tests."""
