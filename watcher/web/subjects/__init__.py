"""The pages of services, and of one of them."""
