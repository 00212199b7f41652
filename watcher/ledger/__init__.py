"""The availability ledger: what every circuit was for each minute of a month."""
