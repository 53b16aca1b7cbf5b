"""`voiceplane render | diff`: what the operator would apply, from files."""
