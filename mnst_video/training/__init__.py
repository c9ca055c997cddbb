"""Training a feed-forward network on paintings."""
