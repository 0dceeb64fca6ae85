"""The kinds of studies: which keys and axes a study has, and what they mean to its model."""
