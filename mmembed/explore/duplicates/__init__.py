"""Finds duplicates in four classes, each among the kept pictures of the class before.

    identical    the same bytes
    same_shot    one shot re-encoded, resized, cropped a little or mirrored
    burst        taken within seconds of each other, and alike
    look_alike   alike; nothing more is known

picture_table reads the facts of all pictures. vector_pairs, with cells, and hash_pairs find the
pairs that may be duplicates, and linkage makes groups of them. keeping proposes which picture to
keep. find_groups composes these. decisions remembers what a person said. move_files and move_log
move spare pictures to a folder, and back.
"""
