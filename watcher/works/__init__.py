"""Notices of planned works: fetched from a mailbox or a directory, and read."""
