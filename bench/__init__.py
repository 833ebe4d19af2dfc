"""The benchmarks: each compares Frontview with its peers in one run, in rounds that take turns.

Invariant: a figure and the figure it is compared with come from the same server, the same minutes and the same
settings; durability settings keep their defaults except where the row says so.
"""
