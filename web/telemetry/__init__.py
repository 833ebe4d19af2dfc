"""What a web process measures of itself: metrics, latencies, traces, and reports."""
