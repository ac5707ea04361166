"""`make papers`: every table, figure and proposition of the four papers, theirs beside ours, with a verdict."""
