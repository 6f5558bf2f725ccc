"""From files to definitions: what marketers write, read with every problem and its line."""
