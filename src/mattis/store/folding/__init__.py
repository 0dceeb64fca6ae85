"""Folding: cells of the journal move into the cube, in the order of their places."""
