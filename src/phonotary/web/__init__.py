"""The only HTTP we answer. A handler has four moves: form to command, one room call, one commit,
resource to JSON. Business rules live in the rooms."""
