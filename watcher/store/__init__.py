"""The database: its tables, and one class for each group of them."""
