"""The explorer: pages that answer one question each, for a browser, without a server or a network.

``static/`` has the pages as plain files, and ``tables`` writes the one of them that has numbers in it.
"""
