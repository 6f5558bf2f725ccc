"""An email sequencer: drip sequences committed to git, sent through SendGrid, steered by engagement.

`core` decides, `services` load and persist, `web`, `cli` and the top-level `workers` are the doors.
"""
