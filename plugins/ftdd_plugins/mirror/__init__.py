"""The MLflow mirror's parts; they import MLflow, so the plugin's module imports them only to work."""
