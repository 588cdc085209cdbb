"""nano in stage 1: photos looked at once with all their questions, patches taught from masks."""
