"""The `moorage` program: talks to the endpoint as any client would."""
