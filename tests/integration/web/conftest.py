"""The site of the web's unit tests, for a browser."""

from tests.unit.web.conftest import clock, reader, serve

__all__ = ["clock", "reader", "serve"]
