"""Foreign data on their way into a study: read, held against what is known, never guessed."""
