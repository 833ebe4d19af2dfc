"""Dashboards by random: several tables, zones of users, labels, facts, metrics, lists and panels of every kind."""
