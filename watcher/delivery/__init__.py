"""The live loop that notifies receivers."""

from watcher.delivery.receiver_health import Fallback
from watcher.delivery.unexpected import UnexpectedErrors
from watcher.delivery.worker import Delivery

__all__ = ["Delivery", "Fallback", "UnexpectedErrors"]
