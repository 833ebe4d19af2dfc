"""The whole system under load and faults, judged by a black-box checker."""
