"""Refinement: which cells are computed next, where a boundary is least certain."""
