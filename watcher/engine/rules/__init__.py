"""What a rule and a subject are; nothing here knows the engine's state."""
