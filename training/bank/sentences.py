"""Composes captions of everyday pictures from lists of our own words."""

from __future__ import annotations

import random
from collections.abc import Callable

PEOPLE = (
    "a man", "a woman", "a boy", "a girl", "a child", "a baby", "a toddler", "an old man",
    "an old woman", "a young man", "a young woman", "a couple", "a family", "a group of people",
    "two men", "two women", "two children", "three friends", "several people", "a crowd",
    "a man in a hat", "a woman in a red dress", "a boy in a blue shirt", "a girl with long hair",
    "a man with a beard", "a tourist", "a worker", "a cook", "a musician", "a bride and groom",
    "students", "a policeman", "a farmer", "a player in a white uniform", "a person",
)  # fmt: skip
ACTIONS = (
    "riding a bicycle", "walking a dog", "playing the guitar", "reading a book", "taking a picture",
    "eating lunch", "drinking coffee", "talking on the phone", "sitting on a bench", "sleeping",
    "smiling at the camera", "running", "jumping in the air", "dancing", "climbing", "swimming",
    "holding an umbrella", "playing with a ball", "waiting", "working on a laptop", "cooking",
    "standing beside a car", "carrying a bag", "pushing a stroller", "looking at something",
    "kicking a football", "throwing a ball", "laughing", "painting", "fishing", "selling fruit",
    "wearing sunglasses", "holding a baby", "cutting a cake", "riding a horse", "hugging",
    "crossing the road", "lying down", "pointing at something", "building a tower of blocks",
    "skiing", "surfing", "skating", "flying a kite", "brushing teeth", "opening a present",
    "singing", "watching television", "playing chess", "watering plants", "paddling a canoe",
)  # fmt: skip
PLACES = (
    "on the beach", "in the park", "in the street", "in a kitchen", "in a living room", "at home",
    "at a table", "in the snow", "in the forest", "in the mountains", "by a river", "by a lake",
    "in a field", "in the garden", "in a city", "at night", "in the rain", "in a restaurant",
    "in front of a house", "on a boat", "at a station", "in an office", "in a classroom",
    "on a stage", "at a market", "in a shop", "on a bridge", "on a rock", "in a swimming pool",
    "in the desert", "under a tree", "on a playground", "in a stadium", "at sunset", "in a bedroom",
    "on a couch", "in a car", "on a path", "near a fountain", "in a museum", "at a party",
    "in an airport", "on a farm", "on a roof", "next to a fence", "in a bathroom", "on the stairs",
)  # fmt: skip
ANIMALS = (
    "a dog", "a brown dog", "a black dog", "a white dog", "two dogs", "a puppy", "a cat",
    "a kitten", "a horse", "a cow", "a herd of sheep", "a goat", "a pig", "a bird",
    "a flock of birds", "a duck", "a chicken", "an owl", "a parrot", "an elephant", "a giraffe",
    "a zebra", "a lion", "a tiger", "a bear", "a monkey", "a rabbit", "a squirrel", "a deer",
    "a fox", "a frog", "a snake", "a turtle", "a fish", "a butterfly", "a bee", "a spider",
)  # fmt: skip
ANIMAL_ACTIONS = (
    "running", "sleeping", "eating", "drinking water", "standing", "lying in the sun", "jumping",
    "playing", "looking at the camera", "sitting", "walking", "hiding", "with its young",
)  # fmt: skip
WILD_PLACES = (
    "on the grass", "in a field", "in the snow", "by the water", "on a branch", "on the sand",
    "in a cage", "in the forest", "on a farm", "on the road", "in a zoo", "near a fence",
    "on a leaf", "on a rock", "in the mud", "on a chair", "on a bed", "in the air",
)  # fmt: skip
LOOKS = (
    "red", "blue", "green", "yellow", "white", "black", "brown", "pink", "orange", "grey", "old",
    "new", "small", "large", "empty", "broken", "wooden", "metal", "glass", "colourful", "dirty",
    "striped", "round",
)  # fmt: skip
OBJECTS = (
    "car", "truck", "bus", "train", "bicycle", "motorcycle", "boat", "plane", "chair", "table",
    "lamp", "bed", "couch", "clock", "bottle", "cup", "bowl", "plate", "knife", "spoon", "bag",
    "suitcase", "umbrella", "hat", "shoe", "shirt", "jacket", "book", "newspaper", "computer",
    "phone", "camera", "television", "keyboard", "guitar", "piano", "drum", "ball", "toy",
    "teddy bear", "kite", "flower", "vase", "basket", "box", "door", "window", "mirror", "ladder",
    "bench", "sign", "fence", "statue", "tent", "cake", "apple", "sandwich", "candle", "balloon",
    "key", "pair of glasses", "watch", "ring", "hammer", "bucket", "broom", "fridge", "stove",
    "sink", "bathtub", "towel", "pillow", "curtain", "carpet", "painting", "map", "flag",
)  # fmt: skip
SURFACES = (
    "on a table", "on the floor", "on a shelf", "against a wall", "in the grass", "in the street",
    "on a white background", "in a room", "in the sun", "beside a window", "in a hand", "outside",
    "in a garden", "on a desk", "in front of a building", "at the edge of the water",
)  # fmt: skip
FOODS = (
    "pizza", "pasta", "soup", "salad", "rice with vegetables", "fried eggs", "bread and cheese",
    "a hamburger and fries", "sushi", "chocolate cake", "ice cream", "fresh fruit", "pancakes",
    "grilled fish", "roast chicken", "a cup of tea", "a glass of wine", "cookies", "tomatoes",
    "strawberries",
)  # fmt: skip
SERVED = (
    "on a plate", "in a bowl", "on a wooden board", "at a restaurant", "on the grill", "in a pan",
    "for breakfast", "at a market stall",
)  # fmt: skip
SCENES = (
    "a mountain", "snowy mountains", "a waterfall", "a river", "a lake", "the ocean",
    "waves on a beach", "a forest", "a palm tree", "a field of flowers", "a desert", "a valley",
    "a city skyline", "a skyscraper", "a church", "a castle", "a bridge", "a harbour with boats",
    "a narrow street", "a busy road", "a village", "a farm house", "a lighthouse", "a park bench",
    "a garden", "a railway track", "an empty room", "a kitchen", "a library", "a swimming pool",
    "a parking lot", "a market", "a stadium full of people", "ruins", "a cave", "an island",
)  # fmt: skip
LIGHTS = (
    "at sunset", "at night", "in winter", "in autumn", "in the fog", "under a blue sky",
    "under dark clouds", "in spring", "seen from above", "in black and white", "in the rain",
    "in the morning light", "from far away", "with people",
)  # fmt: skip


def sentences(count: int, seed: int = 14) -> list[str]:
    """So many different captions, the same ones for the same seed."""
    chance = random.Random(seed)
    chosen: dict[str, None] = {}
    while len(chosen) < count:
        [rule] = chance.choices(list(_RULES), list(_RULES.values()))
        chosen[rule(chance)] = None
    return list(chosen)


def _of_people(chance: random.Random) -> str:
    return _joined(chance, PEOPLE, ACTIONS, PLACES)


def _of_people_briefly(chance: random.Random) -> str:
    return _joined(chance, PEOPLE, chance.choice((ACTIONS, PLACES)))


def _of_animals(chance: random.Random) -> str:
    return _joined(chance, ANIMALS, ANIMAL_ACTIONS, WILD_PLACES)


def _of_objects(chance: random.Random) -> str:
    look = chance.choice(LOOKS)
    article = "an" if look[0] in "aeiou" else "a"
    return f"{article} {look} {_joined(chance, OBJECTS, SURFACES)}"


def _of_food(chance: random.Random) -> str:
    return _joined(chance, FOODS, SERVED)


def _of_scenes(chance: random.Random) -> str:
    return _joined(chance, SCENES, LIGHTS)


def _joined(chance: random.Random, *parts: tuple[str, ...]) -> str:
    return " ".join(chance.choice(part) for part in parts)


_RULES: dict[Callable[[random.Random], str], int] = {
    _of_people: 30, _of_people_briefly: 12, _of_animals: 16, _of_objects: 22, _of_food: 6,
    _of_scenes: 14,
}  # fmt: skip
"""How often each rule is chosen, of a hundred captions."""
