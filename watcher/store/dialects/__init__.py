"""The two databases that the store runs on."""
