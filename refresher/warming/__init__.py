"""The plan of which answers web workers keep warm."""
