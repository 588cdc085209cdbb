"""Where batches of photos run: on this machine, or on a cluster that somebody else keeps."""
