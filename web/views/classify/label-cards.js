/** A card per classified picture: a bar for each label, or the error. */

import { Thumbnail } from '../../ui/chip.js';
import { h, icon } from '../../ui/dom.js';
import { settingsKey, subjects } from '../../state/selectors.js';
import { fileName, percent, title } from '../../ui/words.js';

const SHOWN_LABELS = 6;

export function Cards(list, send) {
  let cards = new Map();

  return function update(state) {
    const before = cards;
    const stale = state.answers.settings !== settingsKey(state);
    cards = new Map();
    for (const subject of subjects(state)) {
      const card = before.get(subject.key) ?? Card(subject.key, send);
      card.update(subject, state.answers.byKey[subject.key], stale);
      cards.set(subject.key, card);
    }
    for (const [key, card] of before) if (!cards.has(key)) card.element.remove();
    const elements = [...cards.values()].map((card) => card.element);
    if (elements.some((element, index) => list.children[index] !== element)) list.replaceChildren(...elements);
  };
}

function Card(key, send) {
  const figure = h('div', { class: 'card-picture' }, icon('picture'));
  const name = h('h2', { class: 'card-name' });
  const answer = h('div', { class: 'card-answer' });
  const remove = h(
    'button',
    { class: 'quiet', type: 'button', onclick: () => send({ type: 'subjectRemoved', key }) },
    icon('close'),
  );
  const element = h('li', { class: 'card' }, figure, h('div', { class: 'card-text' }, name, answer), remove);
  let source;
  let shown;

  function update(subject, result, stale) {
    const said = nameOf(subject);
    name.textContent = said;
    remove.setAttribute('aria-label', `Remove ${said}`);
    const picture = subject.url ?? subject.item?.links?.thumbnail;
    if (picture && picture !== source) figure.replaceChildren(icon('picture'), Thumbnail(picture, { alt: said }));
    source = picture;
    const now = subject.error ? { error: { message: subject.error } } : result;
    element.classList.toggle('waiting', !subject.error && (stale || !now));
    if (now !== shown) answer.replaceChildren(...(now ? [Answer(now)] : []));
    shown = now;
  }

  return { element, update };
}

const nameOf = ({ name, item, id }) =>
  name ?? (item ? fileName(item.path) || title(item) : `picture ${id}`);

function Answer(result) {
  if (result.error) return h('p', { class: 'error' }, result.error.message);
  const rows = result.labels.map(Bar);
  const rest = rows.slice(SHOWN_LABELS);
  return h(
    'div',
    {},
    h('ol', { class: 'bars' }, ...rows.slice(0, SHOWN_LABELS)),
    rest.length
      ? h('details', {}, h('summary', {}, `${rest.length} more`), h('ol', { class: 'bars' }, ...rest))
      : null,
  );
}

function Bar({ label, probability, score }) {
  const fill = h('span', { class: 'fill' });
  fill.style.inlineSize = `${Math.max(0, Math.min(1, probability)) * 100}%`;
  const cosine = typeof score === 'number' ? `cosine ${score.toFixed(3)}` : null;
  return h(
    'li',
    { title: cosine },
    h('span', { class: 'bar-label' }, label),
    h('span', { class: 'bar-percent' }, percent(probability)),
    h('span', { class: 'bar', 'aria-hidden': 'true' }, fill),
  );
}
