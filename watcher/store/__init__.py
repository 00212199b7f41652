"""Tables and the store's verbs."""
