"""The method itself: network, losses, σ, optimiser. Torch and numpy alone, no files but weights."""
