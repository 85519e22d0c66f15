"""Peers that nobody here wrote: servers for our client, and clients for our server."""
