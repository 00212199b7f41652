"""The migrations from one revision of the tables to the next, run by watcher/store/migrate.py.

To add one: change tables.py, and write versions/rNNNN_what.py with the next `revision` and the
newest one as its `down_revision`; a test compares the result with tables.py.
"""
