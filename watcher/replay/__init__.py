"""The journal again, through the rules in force and through others: what would have been told."""
