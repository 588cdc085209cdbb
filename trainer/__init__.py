"""What makes spider's weights: distortions, annotation, the stages, and the measurements."""
