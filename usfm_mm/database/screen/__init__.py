"""From a scanner's screen to the ultrasound picture alone."""
