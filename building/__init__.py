"""What build.py is made of: the platforms as data, third-party sources, the compiler. Not part of the package."""
