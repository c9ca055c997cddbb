"""Single pictures: a still, a sweep over γ, how balanced two styles are."""
