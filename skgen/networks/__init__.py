"""Neural networks: rows and a context in, rows out, whatever a row's layout."""
