"""Records out of CSV files: what a file is, what its columns mean, and the job that takes its rows in."""
