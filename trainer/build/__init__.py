"""From any folder of photos to the four-task data set: `spider data build`."""
