"""Who did what to which secret: an append-only, signed, chained log for each tenant."""
