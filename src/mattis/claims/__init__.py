"""Claims: every statement of the two documents that the project starts from, measured and judged."""
