"""A help desk: who wrote and who answers tickets."""

from django.conf import settings
from django.db import models


class Queue(models.Model):
    name = models.CharField(max_length=80, unique=True)


class Ticket(models.Model):
    class Priority(models.IntegerChoices):
        LOW = 1
        HIGH = 2
        URGENT = 3

    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="written")
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="assigned")
    queue = models.ForeignKey(Queue, models.PROTECT, null=True)
    subject = models.CharField(max_length=200)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.LOW)
    is_spam = models.BooleanField(default=False)
    minutes = models.FloatField(null=True)
    cost = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    external_id = models.UUIDField(null=True)
    extra = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    closed_on = models.DateField(null=True)

    class Meta:
        indexes = [models.Index(fields=["assignee", "created_at"]), models.Index(fields=["created_at"])]  # noqa: RUF012


class Reply(models.Model):
    ticket = models.ForeignKey(Ticket, models.CASCADE)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    body = models.TextField()
    sent_at = models.DateTimeField(auto_now_add=True, db_index=True)
    is_public = models.BooleanField(null=True)
