"""Where incidents are told: Slack for people, MQTT for programs."""
