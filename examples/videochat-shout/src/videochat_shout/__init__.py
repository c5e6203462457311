"""Plugins to learn from: a format, a provider of answers, a notifier, a middleware and a source of recordings. See docs/plugins/tutorial.md."""
