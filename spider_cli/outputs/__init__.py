"""Records out: words on a terminal, JSON lines, a JSON array, CSV, and pictures."""
