"""The demonstration: documentation of the installed Python packages."""
