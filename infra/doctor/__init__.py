"""`imgctl doctor`: the facts about a stack, and the checks of them, which are pure functions."""
