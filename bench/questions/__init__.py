"""One file a question: its docstring says what is answered, how it is measured and where that ends."""
