"""Words are compared with a bank of texts at each picture."""

from __future__ import annotations

import numpy as np
import pytest

from mmembed.search.bank.bank import Bank
from mmembed.search.text_fit import TextFit, products
from mmembed.types import Embeddings

DIM = 16


def units(count: int, seed: int) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    unit: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.fixture
def bank() -> Bank:
    return Bank(tuple(f"text {number}" for number in range(300)), units(300, 1))


def test_fits_is_the_share_of_texts_that_fit_less(bank: Bank) -> None:
    pictures, [words] = units(5, 2), units(1, 3)
    fits = TextFit(bank, pictures).of(words, pictures, strengths=99).fits
    for picture, share in zip(pictures, fits, strict=True):
        less = sum(float(text @ picture) < float(words @ picture) for text in bank.embeddings)
        assert share == pytest.approx(less / 300)


def test_a_picture_of_the_words_is_stronger_than_others(bank: Bank) -> None:
    pictures, [words] = units(50, 2), units(1, 3)
    near = pictures[:1] * 0.3 + words
    near /= np.linalg.norm(near)
    fit = TextFit(bank, pictures).of(words, np.concatenate([near, pictures]), strengths=99)
    assert fit.fits[0] > 0.99
    assert fit.strengths[0] > fit.strengths[1:].max()


def test_the_figure_depends_on_neither_the_collection_nor_its_size(bank: Bank) -> None:
    pictures, [words] = units(400, 2), units(1, 3)
    all_of_them = TextFit(bank, pictures).of(words, pictures[:4], strengths=99)
    few = TextFit(bank, pictures[:64]).of(words, pictures[:4], strengths=99)
    assert np.array_equal(all_of_them.fits, few.fits)
    assert all_of_them.strengths == pytest.approx(few.strengths, abs=0.3)


def test_a_picture_near_every_text_gains_nothing(bank: Bank) -> None:
    """Its cosines with all texts are higher by the same amount."""
    texts = np.concatenate([bank.embeddings * 0.8, np.full((300, 1), 0.6)], 1).astype(np.float32)
    leaning = Bank(bank.texts, texts)
    words = np.append(units(1, 3)[0] * 0.8, 0.6).astype(np.float32)
    plain = np.append(units(1, 2)[0], 0.0).astype(np.float32)
    hub = np.append(units(1, 2)[0], 1.0).astype(np.float32)
    fit = TextFit(leaning, np.stack([plain, hub])).of(words, np.stack([plain, hub]), strengths=99)
    assert fit.fits[0] == fit.fits[1]
    assert fit.strengths[0] == pytest.approx(fit.strengths[1], abs=1e-4)


def test_the_same_words_in_the_bank_do_not_count_against_them(bank: Bank) -> None:
    words = bank.embeddings[7]
    fit = TextFit(bank, units(9, 2)).of(words, words[None], strengths=99)
    assert fit.fits[0] == 1


def test_the_sample_has_the_strengths_of_its_pictures(bank: Bank) -> None:
    pictures, [words] = units(90, 2), units(1, 3)
    for query in (words, bank.embeddings[7]):  # the latter is a text of the bank itself
        fit = TextFit(bank, pictures)
        assert fit.in_sample(query) == pytest.approx(
            fit.of(query, pictures, strengths=90).strengths, abs=1e-3
        )


def test_what_is_known_of_pictures_before_gives_the_same(bank: Bank) -> None:
    pictures, [words] = units(200, 2), units(1, 3)
    before = TextFit(bank, pictures[:-3])
    again, anew = TextFit(bank, pictures[1:], before), TextFit(bank, pictures[1:])
    assert again.in_sample(words) == pytest.approx(anew.in_sample(words), abs=1e-4)


def test_the_same_picture_twice_counts_twice(bank: Bank) -> None:
    pictures = units(40, 2)[np.array([0, 0, *range(38)])]
    assert len(TextFit(bank, pictures).in_sample(units(1, 3)[0])) == 40


def test_a_bank_of_the_words_alone_says_nothing(bank: Bank) -> None:
    words = bank.embeddings[7]
    alone = Bank(("a", "b"), np.stack([words, words]))
    assert not TextFit(alone, units(9, 2)).in_sample(words).any()


def test_a_model_that_tells_nothing_apart_gives_finite_figures() -> None:
    same = np.full((200, DIM), 0.25, np.float32)
    fit = TextFit(Bank(("a",) * 200, same), same[:3]).of(units(1, 3)[0], same[:3], strengths=2)
    assert fit.strengths.shape == (2,)
    assert np.isfinite(fit.strengths).all()
    assert np.isfinite(fit.fits).all()


@pytest.mark.parametrize(("pictures", "texts", "dim"), [(1, 1, 4), (17, 90, 512), (40, 3, 2**15)])
def test_small_products_make_up_the_large_one(pictures: int, texts: int, dim: int) -> None:
    chance = np.random.default_rng(pictures)
    one = chance.normal(size=(pictures, dim)).astype(np.float32)
    other = chance.normal(size=(texts, dim)).astype(np.float32)
    expected = one.astype(np.float64) @ other.T.astype(np.float64)
    assert np.allclose(products(one, other), expected, atol=1e-2)
