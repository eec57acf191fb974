"""Adapters to other libraries, one small file each. Their dependencies are extras, so nothing imports them unasked."""
