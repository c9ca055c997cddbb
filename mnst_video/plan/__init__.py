"""What is known before the first frame: the clip, its shots, σ, an estimate."""
