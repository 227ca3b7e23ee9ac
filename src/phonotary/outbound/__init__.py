"""The only sockets we open: callbacks now; certificate fetches, mail and registrars later."""
