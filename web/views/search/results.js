/** The results: a summary line, the pictures or captions, and the button for more. */

import { Captions } from './captions.js';
import { h, onChange } from '../../ui/dom.js';
import { Grid } from './grid.js';
import { Empty, Failure } from './messages.js';
import { isAnswered, queryKey, shownBy, terms } from '../../state/selectors.js';
import { suggestions, summary } from '../../ui/words.js';

const AHEAD = '1200px';
const CLASSIFIED_AT_ONCE = 12;

export function Results(section, send, { more, moreAgain, again, current }) {
  const get = (id) => section.querySelector(`#${id}`);
  const grid = Grid(get('grid'), send);
  const captions = Captions(get('captions'), send);
  const [status, message, button] = [get('status'), get('message'), get('more')];
  Skeleton(get('skeleton'));

  get('kind').addEventListener('change', (event) => {
    send({ type: 'went', to: { kind: event.target.value } });
  });
  Filter(get('filter'), send);
  get('classify-these').addEventListener('click', () => {
    const of = current().results.hits.slice(0, CLASSIFIED_AT_ONCE).map(shownBy);
    send({ type: 'went', to: { tab: 'classify', of: [...new Set(of)] } });
  });
  button.addEventListener('click', moreAgain);
  const reach = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && more(), {
    rootMargin: AHEAD,
  });
  const lookAgain = onChange(() => {
    reach.unobserve(button);
    reach.observe(button);
  });

  const showFilter = onChange((where) => (get('where').value = where));
  const say = onChange((text) => (status.textContent = text));
  const showTries = onChange((_key, texts) => Tries(get('tries'), texts, send));
  const toTop = onChange(() => scrollY > 0 && scrollTo(0, 0));
  const showMessage = onChange((_key, state) => {
    message.replaceChildren(...messageFor(state, again));
    message.hidden = !message.firstChild;
  });

  return function update(state) {
    const { route, results } = state;
    section.hidden = route.tab !== 'search';
    if (section.hidden) return;
    const loading = !isAnswered(state);
    section.classList.toggle('loading', loading);
    showFilter(route.where);
    section.querySelector(`[name=kind][value=${route.kind}]`).checked = true;
    get('skeleton').hidden = !(loading && !results.hits.length);
    if (!loading) {
      grid(state);
      captions(state);
      toTop(results.key);
      say([summary(state), ...results.notes].filter(Boolean).join(' · '));
    }
    showMessage(messageKey(state), state);
    const texts = terms(state).length ? [] : suggestions(results.hits);
    if (!loading) showTries(texts.join('\n'), texts);
    get('classify-these').hidden = route.kind !== 'image' || !results.hits.length;
    showMore(button, results, loading);
    lookAgain(results.hits);
  };
}

/** Requests results once the filter is complete: an incomplete filter would be an error. */
function Filter(form, send) {
  const input = form.querySelector('input');
  const ask = () => send({ type: 'went', to: { where: input.value } });
  input.addEventListener('change', ask);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    ask();
  });
}

function showMore(button, { next, more, error }, loading) {
  button.hidden = loading || next === null;
  button.classList.toggle('busy', more === 'loading');
  button.textContent = more === 'failed' ? `${error} Try again` : 'Show more';
}

const messageKey = (state) => {
  const { error, hits } = state.results;
  const { index } = state.commands; // may come after the answer
  return JSON.stringify([isAnswered(state), error, hits.length === 0, queryKey(state), index]);
};

function messageFor(state, again) {
  const { status, error, hits } = state.results;
  if (!isAnswered(state)) return [];
  if (status === 'failed') return [Failure(error, again)];
  if (hits.length) return [];
  return [Empty(state, again)];
}

function Tries(line, texts, send) {
  line.hidden = texts.length === 0;
  const buttons = texts.map((text) =>
    h('button', { class: 'try', type: 'button', onclick: () => send({ type: 'typed', q: text }) }, text),
  );
  line.replaceChildren('Try', ...buttons);
}

function Skeleton(box) {
  box.append(...Array.from({ length: 18 }, () => h('span')));
}
