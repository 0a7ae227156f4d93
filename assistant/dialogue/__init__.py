"""Reading an edit message against the current layout: what it asks for, and the edits that do it."""
