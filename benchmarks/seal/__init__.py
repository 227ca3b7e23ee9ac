"""The seal measured beside its peers: OpenSSL in process, secsipidx on HTTP, Kamailio on SIP."""
