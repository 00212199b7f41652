"""The live loop that tells receivers what they are owed."""

from watcher.delivery.loop import Delivery
from watcher.delivery.standing import Fallback

__all__ = ["Delivery", "Fallback"]
