/** The box for words, with the pictures of the query beside them. */

import { Chip } from '../../ui/chip.js';
import { debounce, onChange } from '../../ui/dom.js';
import { receive } from '../../ui/pictures.js';
import { terms } from '../../state/selectors.js';
import { title } from '../../ui/words.js';

const PAUSE_MS = 250;

export function SearchBar(form, send) {
  const input = form.querySelector('#q');
  const chips = form.querySelector('#query-chips');
  const clear = form.querySelector('#clear');
  const file = form.querySelector('#picture-file');

  const type = () => send({ type: 'typed', q: input.value });
  const typeSoon = debounce(type, PAUSE_MS);

  input.addEventListener('input', typeSoon);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    typeSoon.cancel();
    type();
  });
  clear.addEventListener('click', empty);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') empty();
    if (event.key === 'Backspace' && input.value === '') removePicture();
  });
  form.querySelector('#pick').addEventListener('click', () => file.click());
  file.addEventListener('change', () => {
    receive(file.files, 'search', send);
    file.value = '';
  });

  function empty() {
    typeSoon.cancel();
    input.value = '';
    send({ type: 'cleared' });
    input.focus();
  }

  function removePicture() {
    send({ type: 'unpictured' });
    input.focus();
  }

  const showWords = onChange((q) => {
    if (input.value.trim() !== q.trim()) input.value = q;
  });

  const showChips = onChange((_key, picture, like) => {
    const shown = [];
    if (picture) shown.push({ text: picture.name, thumbnail: picture.url });
    if (like) shown.push(like);
    chips.replaceChildren(...shown.map((chip) => Chip({ ...chip, remove: removePicture })));
  });

  return function update(state) {
    showWords(state.route.q);
    const like = likeOf(state);
    showChips(JSON.stringify([state.picture?.url, like]), state.picture, like);
    clear.hidden = terms(state).length === 0;
    form.classList.toggle('busy', state.results.status === 'loading');
  };
}

/** The facts of the item whose neighbours are wanted: from its own answer, or from a result. */
function likeOf({ route, known, results }) {
  if (!route.like) return null;
  const hit = results.hits.find(({ id }) => String(id) === route.like);
  const item = known[route.like]?.item ?? hit;
  if (!item) return { text: `picture ${route.like}` };
  return { text: title(item), thumbnail: item.links?.thumbnail };
}
