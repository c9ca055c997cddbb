"""Painting one frame, one shot as a chain of warm starts, one still."""
