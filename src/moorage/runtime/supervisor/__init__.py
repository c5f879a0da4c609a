"""A program of its own: parent of every task of the netns runtime. Imports nothing else of Moorage."""
