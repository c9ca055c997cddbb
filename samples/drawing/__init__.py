"""How the sample clip, its sound and the style pictures are made."""
