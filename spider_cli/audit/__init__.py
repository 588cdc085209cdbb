"""A shoot: many photos looked at in one go, and what is done about them."""
