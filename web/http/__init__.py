"""HTTP itself: parameters, request bodies, answers, problems, and the OpenAPI document."""
