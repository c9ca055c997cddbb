"""γ over time: from what is typed to a value for each frame. Knows no file."""
