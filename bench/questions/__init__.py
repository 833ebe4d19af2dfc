"""The questions, one file each; its docstring says what it answers, how it measures, and what that does not cover."""
