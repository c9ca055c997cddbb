"""Timelines of other programs: their markers, controllers, labels and frames as keys, and back."""
