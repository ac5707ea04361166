"""The compose labs: Open5GS with srsRAN over ZeroMQ or with UERANSIM, and what of ours runs in them."""
