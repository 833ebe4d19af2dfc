"""What a web process measures: metrics, latencies, traces, and its reports to the database."""
