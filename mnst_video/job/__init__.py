"""A render as a job that goes on where it stopped, and its quick preview."""
