"""Quality over public data sets: what is found, what is refused, what is answered. Uses the facade only."""
