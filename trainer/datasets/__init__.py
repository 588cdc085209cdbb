"""Our data set's form on disk, and one reader for every outside format."""
