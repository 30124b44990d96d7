"""Static files, through a running server."""
