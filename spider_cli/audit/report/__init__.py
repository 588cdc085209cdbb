"""The report: one HTML page on which a shoot is looked through, filtered and rated."""
