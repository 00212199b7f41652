"""HTTP, both ways: one request and its bounded answer, and serving without trusting who asks."""
