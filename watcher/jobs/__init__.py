"""The live loop of the work beside the writer, and each kind of that work in a file of its own."""

from watcher.jobs.runner import Jobs

__all__ = ["Jobs"]
