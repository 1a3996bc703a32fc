"""How far coders agree, what they part on, and what is decided."""
