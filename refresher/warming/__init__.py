"""Planning which answers the web workers keep warm."""
