"""The use cases behind the commands, and the code that creates what they read and write with."""
