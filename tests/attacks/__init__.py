"""What attackers try, each against its defence."""
