"""Multiple Instance Active Learning for Object Detection (MI-AOD) as an MMDetection 2.x plugin."""
