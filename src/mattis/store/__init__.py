"""Where results lie: places, the journal, the cube on zarr, and what a store says of itself."""
