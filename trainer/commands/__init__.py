"""What `spider train`, `spider data` and `spider eval` open."""
