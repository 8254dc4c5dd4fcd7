"""What is checked, why, by which limits, and which frameworks' controls it speaks to."""
