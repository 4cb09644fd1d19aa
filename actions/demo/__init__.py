"""The demo: the RFC's two stories, made through the same functions that people's requests go through.

Loading twice makes nothing twice. Keys and passwords are derived from this server's SECRET_KEY, so they can be
printed again although only digests are stored, and no two servers share them.
"""
