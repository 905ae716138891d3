"""Moves collections between stores, and to other programs.

    store → read_store → records → flat_rows → row_files (jsonl, parquet) → write_export
    file  → row_files → open_export → flat_rows → records → take_items, take_in → store

export_manifest describes the folder of an export. compare checks a collection against an export.
lists and write_lists make CSV, JSONL and .npy for people.
"""
