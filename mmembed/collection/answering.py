"""The answers of a collection's models: embeddings and labels of the inputs of requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mmembed.classify.classifier import Classifier
from mmembed.classify.zero_shot import Mode
from mmembed.collection.embed_inputs import Embedded, Read, Wishes, embed_inputs
from mmembed.collection.folder_model import Binding
from mmembed.errors import QueryError
from mmembed.models.embedder_counts import EmbedderCounts
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.models.registry import ServedModels
from mmembed.types import Embedding, Failure

BUNDLED_NOTICE = (
    "The small built-in model answers: quick, but often wrong; a full CLIP model finds far more."
)


class Answering:
    """The part of a Collection that asks its models."""

    binding: Binding
    embedder: Embedder
    """The collection's model, whose vectors are stored."""
    _models: ServedModels
    _classifiers: Mapping[Embedder, Classifier]

    @property
    def model_name(self) -> str:
        """The id of the collection's model, whose vectors are stored and searched."""
        return self.embedder.name

    @property
    def models(self) -> tuple[str, ...]:
        """The ids of all models that are served, that of the collection first."""
        return tuple(self._models.by_name)

    @property
    def notice(self) -> str | None:
        """A note for users about the model that answers, if there is one."""
        return BUNDLED_NOTICE if self.model_name == "bundled" else None

    def model_for(self, model: str | None) -> str:
        """The id of the model that a request names; None, "", "default" and the owner's aliases
        stand for the collection's. Raises NotFound, which lists the served models."""
        return self._models.find(model).name

    def model_counts(self, model: str) -> EmbedderCounts:
        """The work of a model since the start, and its queue now. Raises NotFound."""
        return self._models.find(model).counts()

    def model_states(self) -> list[dict[str, object]]:
        """The facts of each model; engine and dim are None until it was loaded once."""
        return self._models.describe()

    def load_models(self, ended: Callable[[], bool] = lambda: False) -> None:
        """Bring all models into memory. ended: whether they are no longer wanted. Raises
        ModelError."""
        self._models.load(ended)

    def probe(self) -> None:
        """Let every model in memory, and the collection's, embed a text. Raises their errors."""
        self._models.probe()

    def check_model(self) -> None:
        """Raises ModelMismatch if the stored vectors are of another model: another server may have
        begun to write them since this one started."""
        self.binding.check_folder()

    @property
    def loading(self) -> bool:
        """Whether the collection's model is being loaded for the first time."""
        return self.embedder.loading

    @property
    def loaded(self) -> bool:
        """Whether the collection's model is in memory."""
        return self.embedder.loaded

    def busy(self) -> bool:
        """Whether a model has others waiting, and answered a moment ago."""
        return self._models.busy()

    def wait_s(self) -> float:
        """Seconds until all that waits for the models now will be done."""
        return self._models.wait_s()

    @property
    def why_this_model(self) -> str:
        """Why the collection's model is the one that answers, in words for people."""
        return self.binding.choice.reason

    def default_mode(self, model: str | None = None) -> Mode:
        """How a model tells labels apart unless a request says it. Raises NotFound."""
        return self._classifiers[self._models.find(model)].scorers.default_mode

    def embed(
        self, inputs: Sequence[Read], wishes: Wishes, *, model: str | None = None
    ) -> Embedded:
        """An embedding for each input of a request; see `embed_inputs`. Raises NotFound for a
        model that is not served."""
        return embed_inputs(self._models.find(model), inputs, wishes)

    def embed_images(self, images: Sequence[ImageInput]) -> list[Embedding | Failure]:
        """An embedding per image by the collection's model, or why there is none."""
        return self.embedder.images(images)

    def embed_texts(self, names: Sequence[str], texts: Sequence[str]) -> list[Embedding | Failure]:
        """An embedding per text by the collection's model, or why there is none, in which it has
        its name."""
        return self.embedder.texts(names, texts)

    def check_searchable(self, model: str | None) -> None:
        """Raises QueryError for a model that is served but did not make the vectors here, and
        NotFound for one that is not served."""
        if self._models.find(model) is not self.embedder:
            raise QueryError(
                f"model: the vectors of this collection are of {self.model_name!r}, and those of "
                f"{model!r} cannot be compared with them; search with {self.model_name!r} or "
                "'default'",
                param="model",
            )
