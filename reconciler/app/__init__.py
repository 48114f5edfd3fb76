"""The use cases behind the commands, and the code that creates their readers and writers."""
