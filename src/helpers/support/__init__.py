"""What follows a verdict: who is offered help, where, and where new hubs would reach most need."""
