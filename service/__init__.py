"""The REST search API and its page: `create_app` makes it, `lsr serve` runs it."""
