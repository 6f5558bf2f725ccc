"""What `simulate` says and what the real stack sends, for programs, leads and histories drawn at random."""
