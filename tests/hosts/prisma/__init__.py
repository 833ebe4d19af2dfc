"""A shop whose tables Prisma made."""
