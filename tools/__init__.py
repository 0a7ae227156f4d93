"""Who paints: values, pipeline, models and image tools."""
