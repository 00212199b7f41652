"""One vendor account over HTTP: credentials, budgets, retries and errors."""
