"""Plugins to learn from: a format, a provider of answers, a notifier and a middleware. See docs/plugins/tutorial.md."""
