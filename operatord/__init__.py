"""The operator's daemon: which key may join where, who uses which grant, does the accounting agree with the meter."""
