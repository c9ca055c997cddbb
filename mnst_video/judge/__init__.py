"""Judging a finished clip."""
