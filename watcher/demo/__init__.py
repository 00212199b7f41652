"""One outage from transition to recovery, on simulated vendors."""
