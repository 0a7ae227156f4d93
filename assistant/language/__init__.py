"""Reading English: words, noun phrases, phrases, and the scene a sentence describes."""
