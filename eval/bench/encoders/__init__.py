"""Ways to encode texts that are timed side by side: one file for each library."""
