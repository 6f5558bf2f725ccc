"""From what marketers write (MJML or Markdown with Jinja2) to a skeleton, slots and text for each lead."""
