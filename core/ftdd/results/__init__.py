"""What is made of a study that was read: findings, figures, page, tables."""
