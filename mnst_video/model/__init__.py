"""A feed-forward network that was trained on paintings, and its file."""
