"""What a question finds: figures, plots of them, and their pictures."""
