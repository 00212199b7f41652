"""Lighthouses: a vendor that exists in a test alone, as small as a vendor can be."""
