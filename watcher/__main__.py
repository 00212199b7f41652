"""`python -m watcher` is `watcher`."""

from watcher import cli

cli.main()
