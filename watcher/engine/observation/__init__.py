"""What a poll says: subjects, samples, and whether a source can be seen."""
