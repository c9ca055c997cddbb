"""Files: clips, pictures and sound, read and written."""
