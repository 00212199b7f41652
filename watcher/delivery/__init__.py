"""The live loop that tells receivers what they are owed."""

from watcher.delivery.receiver_health import Fallback
from watcher.delivery.worker import Delivery

__all__ = ["Delivery", "Fallback"]
