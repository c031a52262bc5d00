"""What an image file says about itself, read from its structure before a decoder sees it.

One module per format. Each reads headers, skips data, and stops at a bound: whatever the file
claims, reading it is quick. What a decoder would refuse although it is optional, such as a text
chunk with a wrong checksum, is left out of what the decoder sees (`Patch`).
"""
