"""What is read: clips, sequences of pictures, sound."""
