"""Figures of memories that drift: which survive, how long they take, what of them can be recalled."""
