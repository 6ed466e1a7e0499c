"""The page that `make demo` leaves behind: what the models' tables say, in charts and tables, in one file.

`figures` asks PostgreSQL, `charts` draws with matplotlib in an environment of its own, `page` is the HTML, `build` joins them.
"""
