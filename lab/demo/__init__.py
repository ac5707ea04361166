"""The demo: the main job from end to end, on a real kernel, with a report to look at (`make demo`)."""
