"""The commands, one file each: arguments in, records out. Nothing heavy is imported at the top."""
