"""What is written: clips with their sound, and series of pictures."""
