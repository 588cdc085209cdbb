"""nano: the small model that ships inside the package, as registered transformers classes.

Importing this package registers its classes, so that ``AutoConfig``,
``AutoModelForImageTextToText`` and ``AutoModelForMaskGeneration`` load its folders like any other.
"""
