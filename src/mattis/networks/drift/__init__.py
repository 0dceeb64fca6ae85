"""Memories that drift to the patterns that they are shown, and networks that learn before they are asked."""
