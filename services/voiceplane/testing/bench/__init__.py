"""The benchmark: real calls to a running stack, measured from the recorded RTP streams, for `voiceplane bench`."""
