"""One API server: requests, kinds and answers. Only this package knows kubernetes.aio."""
