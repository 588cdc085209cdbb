"""The parts of stage 2: words, questions, trials of rules and temperatures, figures, the files."""
