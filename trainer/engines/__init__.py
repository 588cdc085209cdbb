"""Data sets built and models measured on a cluster: what `spider_cli.engines` is asked to do."""
