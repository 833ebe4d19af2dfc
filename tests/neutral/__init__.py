"""The application that the core's tests stand on: a library's members and what they borrow."""
