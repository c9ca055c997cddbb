"""γ in the hand: playing a model."""
