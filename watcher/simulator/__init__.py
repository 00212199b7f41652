"""The vendors, Slack and a broker on loopback: for the demo and for tests.

Law: shares no code with what it tests, so that a shared mistake cannot hide itself.
"""

from watcher.simulator.scenario import Scenario, ScenarioError, load, parse, shipped
from watcher.simulator.server import Credentials, Simulator

__all__ = ["Credentials", "Scenario", "ScenarioError", "Simulator", "load", "parse", "shipped"]
