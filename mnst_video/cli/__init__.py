"""The command line: parse, call, print. Nothing else knows typer or rich."""
