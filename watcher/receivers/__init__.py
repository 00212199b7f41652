"""Where incidents are delivered: Slack for people, MQTT for programs."""
