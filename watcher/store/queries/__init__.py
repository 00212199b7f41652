"""What people, programs and receivers read of the store. Changes nothing."""

from watcher.store.queries.listings import Listings
from watcher.store.queries.queries import Queries

__all__ = ["Listings", "Queries"]
