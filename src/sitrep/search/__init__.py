"""Search for settings that train well."""
