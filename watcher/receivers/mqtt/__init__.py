"""MQTT: documents and events for programs, and the commands they send."""
