"""The command line: settings out of arguments, help, and errors in one line."""
