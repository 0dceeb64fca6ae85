"""Running a study: estimates, shards, workers, locks, progress."""
