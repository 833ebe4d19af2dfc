"""The black-box checker: what a history of commits and answers proves."""
