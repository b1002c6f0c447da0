"""How each library makes and runs a model: `MODELS`, from names to functions of a system."""
