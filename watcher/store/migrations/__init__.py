"""The steps from one shape of the tables to the next, run by watcher/store/migrate.py.

To add one: change tables.py, and write versions/rNNNN_what.py with the next `revision` and the
newest one as its `down_revision`; a test compares what they make with tables.py.
"""
