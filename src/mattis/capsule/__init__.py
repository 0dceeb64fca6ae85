"""The capsule: a study, its results and all that is needed to check them, in one zip for a referee."""
