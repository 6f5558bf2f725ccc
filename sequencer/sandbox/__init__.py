"""A SendGrid look-alike: takes mail over the same API, shows it in a browser, and posts signed events back.

The default provider of `sequencer dev`, and the one that tests and fault runs mail through.
"""
