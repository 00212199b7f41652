"""`watcher init` and `watcher inventory import`: the first files of an installation."""
