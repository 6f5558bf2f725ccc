"""The doors that other people's software and browsers come in by: webhooks, unsubscribing, the API, the dashboard."""
