"""Filters of searches and listings: words or JSON → a tree of conditions, which every store
compiles for itself.

    words → scanner → grammar → tree ← json_form ← JSON

`fields` lists the fields, and what each may be compared with; `conditions` checks every condition
by it, whatever its form. `matches` defines in Python what each condition means.
"""
