"""How spider's training photos, answers and weights are made; not needed to audit photos."""
