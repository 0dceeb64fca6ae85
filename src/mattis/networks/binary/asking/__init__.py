"""What binary networks are asked, question by question, and the table of these questions."""
