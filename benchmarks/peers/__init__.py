"""Other people's software on the same machine, texts and weights, each in a pinned environment of its own."""
