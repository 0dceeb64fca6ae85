"""From seeds to estimates: means with their errors, survival, states, and where retrieval ends."""
