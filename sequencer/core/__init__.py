"""The pure core: no I/O, no clock, no environment, no randomness, no logging; `now` is a parameter."""
