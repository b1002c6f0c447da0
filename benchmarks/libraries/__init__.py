"""How each library makes and runs a model: `subject(name, system)`."""
