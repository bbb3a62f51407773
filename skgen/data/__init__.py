"""Between a table in its own units and rows that a network reads, in both directions."""
